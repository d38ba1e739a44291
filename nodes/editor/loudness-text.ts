/** With a true minus, and a blank at which no line ends. */
export function loudnessText(decibels: number): string {
  return `${Math.round(decibels)}\u00a0dB`.replace('-', '−');
}
