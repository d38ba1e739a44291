import type { RowSuggestions, SuggestionInput } from './suggestions.ts';

/** What the map's worker is asked; each request is answered once, with the same `request` number. */
export type MapRequest = { request: number } & (
  | {
      kind: 'arrange';
      /** A sample of the memory's vectors, whole vectors of `dimensions` numbers. */
      vectors: Float32Array;
      dimensions: number;
    }
  | { kind: 'place'; rows: Uint32Array; vectors: Float32Array }
  | ({ kind: 'suggest' } & Omit<SuggestionInput, 'sketches'>)
  | ({ kind: 'nearest'; rows: Uint32Array } & Pick<SuggestionInput, 'labelled' | 'labels'>)
);

export type MapAnswer = { request: number } & (
  | { kind: 'arranged' }
  /** `x, y` pairs in the order of the rows. */
  | { kind: 'placed'; positions: Float32Array }
  | { kind: 'suggestions'; suggestions: RowSuggestions }
  /** For each row the labelled sounds that are most like it, the best one of each label, best first. */
  | { kind: 'nearest'; nearest: number[][] }
);
