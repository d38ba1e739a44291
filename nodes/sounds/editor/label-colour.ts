import { element } from './dom.ts';

/** Neighbouring numbers get hues far apart on the wheel. */
function hue(number: number): number {
  return Math.round((number * 137.508 + 205) % 360);
}

/** The dot before a name. Its lightness comes with the theme, from the style sheet. */
export function labelDot(number: number): HTMLElement {
  return element('span', { class: 'earmark-dot', style: `--earmark-hue:${hue(number)}` });
}

/** The dot before what has no name. */
export function unlabelledDot(): HTMLElement {
  return element('span', { class: 'earmark-dot earmark-dot-unlabelled' });
}

/** The colours of the map's points, as pixels of an `ImageData` seen as 32-bit little-endian numbers. */
export interface PointColours {
  label(number: number): number;
  readonly unlabelled: number;
}

/** Those of the theme that an element of the sidebar shows now. */
export function pointColours(style: CSSStyleDeclaration): PointColours {
  const lightness = Number.parseFloat(style.getPropertyValue('--earmark-label-lightness')) / 100;
  return {
    label: (number) => labelPixel(hue(number), lightness),
    unlabelled: cssPixel(style.getPropertyValue('--earmark-unlabelled')),
  };
}

/** `hsl(hue 70% lightness)`, as the dots have it: asking CSS for each label would take a while. */
function labelPixel(hue: number, lightness: number): number {
  const swing = 0.7 * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - swing * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return ((255 << 24) | (channel(4) << 16) | (channel(8) << 8) | channel(0)) >>> 0;
}

/** A CSS colour as such a pixel. */
export function cssPixel(colour: string): number {
  const canvas = document.createElement('canvas');
  canvas.width = 1;
  canvas.height = 1;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.fillStyle = colour.trim();
  context.fillRect(0, 0, 1, 1);
  return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0] as number;
}
