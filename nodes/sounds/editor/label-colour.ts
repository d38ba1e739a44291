/** Neighbouring numbers get hues far apart on the wheel. */
function hue(number: number): number {
  return Math.round((number * 137.508 + 205) % 360);
}

function dark(): boolean {
  return document.documentElement.classList.contains('nr-theme-dark');
}

/** The colour of a label's points and dots, readable on the ground of the current theme. */
export function labelColour(number: number): string {
  return dark() ? `hsl(${hue(number)} 70% 62%)` : `hsl(${hue(number)} 70% 42%)`;
}

/** The same colour as a pixel of an `ImageData` seen as 32-bit little-endian numbers. */
export function labelPixel(number: number): number {
  const [saturation, lightness] = [0.7, dark() ? 0.62 : 0.42];
  const channel = (n: number) => {
    const k = (n + hue(number) / 30) % 12;
    const swing = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - swing * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return ((255 << 24) | (channel(4) << 16) | (channel(8) << 8) | channel(0)) >>> 0;
}

/** The pixel of points without a label. */
export function unlabelledPixel(): number {
  return (dark() ? 0xff8a8a8a : 0xffa8a8a8) >>> 0;
}
