/** How far the map of a memory is. */
export interface MapProgress {
  /**
   * - `reading`: the sounds are being looked through; labels and counts are not complete.
   * - `arranging`: a sample of them is being laid out.
   * - `placing`: the others are put among them.
   */
  phase: 'reading' | 'arranging' | 'placing' | 'ready' | 'failed';
  done: number;
  total: number;
  /** Why it failed. */
  problem?: string;
  /** When it failed, in milliseconds since 1970. */
  failedAt?: number;
}
