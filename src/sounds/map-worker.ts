// The arithmetic of the map and of the suggestions, off the event loop. It knows sounds by row number only.
import { parentPort } from 'node:worker_threads';
import { Landmarks } from './landmarks.ts';
import type { MapAnswer, MapRequest } from './map-messages.ts';
import { neighbourLayout } from './neighbour-layout.ts';
import { Sketcher, sketchLength } from './sketch.ts';
import { nearestPerLabel, suggest } from './suggestions.ts';

/** More would make the picture no better and its time grow with the square: 1,500 take two seconds. */
const mostLandmarks = 1500;
const nearestLabels = 3;

let sketcher: Sketcher | undefined;
let landmarks: Landmarks | undefined;
/** By row. */
let sketches = new Float32Array(1024 * sketchLength);

function arrange(vectors: Float32Array, dimensions: number): void {
  sketcher = new Sketcher(vectors, dimensions);
  const count = Math.min(mostLandmarks, vectors.length / dimensions);
  const sample = new Float32Array(count * sketchLength);
  for (let n = 0; n < count; n++) sketcher.sketch(vectors, n * dimensions, sample, n * sketchLength);
  landmarks = new Landmarks(sample, neighbourLayout(sample));
}

function place(rows: Uint32Array, vectors: Float32Array): Float32Array {
  if (!sketcher || !landmarks) throw new Error('The map is asked to place sounds before it was arranged.');
  const last = rows.reduce((most, row) => Math.max(most, row), 0);
  let capacity = sketches.length;
  while (capacity <= last * sketchLength) capacity *= 2;
  if (capacity > sketches.length) {
    const grown = new Float32Array(capacity);
    grown.set(sketches);
    sketches = grown;
  }
  const placed = new Float32Array(2 * rows.length);
  for (const [n, row] of rows.entries()) {
    const at = row * sketchLength;
    sketcher.sketch(vectors, n * sketcher.dimensions, sketches, at);
    placed.set(landmarks.place(sketches, at), 2 * n);
  }
  return placed;
}

function answer(message: MapRequest): MapAnswer {
  const { request } = message;
  switch (message.kind) {
    case 'arrange':
      arrange(message.vectors, message.dimensions);
      return { request, kind: 'arranged' };
    case 'place':
      return { request, kind: 'placed', positions: place(message.rows, message.vectors) };
    case 'suggest':
      return { request, kind: 'suggestions', suggestions: suggest({ ...message, sketches }) };
    case 'nearest': {
      const nearest = Array.from(message.rows, (row) =>
        nearestPerLabel({ ...message, sketches }, row)
          .slice(0, nearestLabels)
          .map((found) => found.row),
      );
      return { request, kind: 'nearest', nearest };
    }
  }
}

parentPort?.on('message', (message: MapRequest) => parentPort?.postMessage(answer(message)));
