/** What a memory noticed by itself. `message` is written for people. */
export interface StorageHealthEvent {
  kind: /** A record cannot be read and is left out of every answer. */
    | 'record-damaged'
    /** The saved graph or columns were missing, foreign or damaged; they are being built again. */
    | 'cache-rebuild'
    /** The graph is up to date again. */
    | 'cache-ready'
    /** The caches could not be saved; answers stay right, the next start is slower. */
    | 'cache-save-failed'
    /** The disk is full: writes are refused, reads go on. */
    | 'disk-full'
    /** Patterns or clips were forgotten by retention. */
    | 'retention'
    /** One of the memory's threads ended unexpectedly: close the memory and open it again. */
    | 'thread-ended';
  message: string;
  /** The pattern's id, where one is concerned and known. */
  id?: string;
  /** How many patterns or clips are concerned. */
  count?: number;
}
