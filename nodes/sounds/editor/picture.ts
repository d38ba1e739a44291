const columns = 64;
const bands = 24;

/** Ground, glow and peak: dark in both themes, as spectrograms are. */
const stops = [
  [24, 26, 36],
  [45, 62, 130],
  [38, 140, 150],
  [150, 205, 110],
  [252, 240, 170],
] as const;

/** Draws a spectrogram of `columns` by `bands` bytes in base64; without one the canvas is left empty. */
export function drawPicture(canvas: HTMLCanvasElement, picture: string | undefined): void {
  canvas.width = columns;
  canvas.height = bands;
  canvas.classList.toggle('earmark-no-picture', picture === undefined);
  const context = picture === undefined ? null : canvas.getContext('2d');
  if (!context || picture === undefined) return;
  const values = atob(picture);
  const image = context.createImageData(columns, bands);
  for (let column = 0; column < columns; column++) {
    for (let band = 0; band < bands; band++) {
      const value = values.charCodeAt(column * bands + band) / 255;
      const at = 4 * ((bands - 1 - band) * columns + column);
      const place = value * (stops.length - 1);
      const lower = stops[Math.min(stops.length - 2, Math.floor(place))] as readonly number[];
      const upper = stops[Math.min(stops.length - 1, Math.floor(place) + 1)] as readonly number[];
      const share = Math.min(1, place - Math.min(stops.length - 2, Math.floor(place)));
      for (let c = 0; c < 3; c++) {
        image.data[at + c] = (lower[c] as number) * (1 - share) + (upper[c] as number) * share;
      }
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
