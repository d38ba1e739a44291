const quietest = -60;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of `width` cells for a level in dBFS: empty at -60, full at 0. */
export function levelBar(level: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, 1 - level / quietest)) * width * 8);
  const bar = '█'.repeat(filled >> 3) + eighths[filled & 7];
  return bar.padEnd(width);
}
