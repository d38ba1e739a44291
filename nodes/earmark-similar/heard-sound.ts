import type { Recognition } from '../../src/recognition/recognition.ts';
import type { NewHeardSound } from '../../src/sounds/heard-sounds.ts';
import type { HeardAnswer } from '../../src/sounds/sound-summary.ts';
import type { SimilarPattern } from '../../src/storage/index.ts';
import { messageFeatures, messageSource, plainObject } from '../feature-message.ts';
import type { Message } from '../message-worker.ts';

/** A message's sound as *store pattern* would store it, and what it was taken for. */
export function heardSound(message: Message, features: Float32Array, answer: HeardAnswer): NewHeardSound {
  const { encoder, ...described } = messageFeatures(message);
  const { clip, decibels } = plainObject(message.audio);
  return {
    pattern: { ...described, type: 'sound', confidence: 1, features },
    metadata: {
      sourceId: messageSource(message),
      ...(encoder !== undefined && { encoder }),
      ...(typeof decibels === 'number' && { level: decibels }),
      ...(typeof message.filename === 'string' && { filename: message.filename }),
    },
    ...(Buffer.isBuffer(clip) && { clip }),
    answer,
  };
}

export function recognitionAnswer({ label, reason, confidence, votes: [best] }: Recognition): HeardAnswer {
  const taken = label ?? (reason === 'background' ? best?.label : undefined);
  return {
    ...(taken !== undefined && { label: taken }),
    confidence,
    ...(best && { match: { id: best.nearest, label: best.label, similarity: best.similarity } }),
  };
}

/** Of raw neighbours: without a vote, the likeness is all that is known. */
export function similarAnswer([best]: SimilarPattern[], threshold: number): HeardAnswer {
  if (best === undefined) return { confidence: 1 };
  const { similarity, pattern, metadata } = best;
  const { label } = metadata;
  const confidence = Math.min(1, Math.max(0, similarity));
  const taken = label !== undefined && similarity >= threshold;
  return {
    ...(taken ? { label, confidence } : { confidence: 1 - confidence }),
    ...(label !== undefined && { match: { id: pattern.id, label, similarity } }),
  };
}
