import type { Node, NodeAPI } from 'node-red';
import { numberWithin } from './message-options.ts';
import type { Message } from './message-worker.ts';
import { type NumberRange, optionalNumber } from './number-field.ts';

/** The value of a typed input; JSONata answers only through a callback, so all of them do here. */
export function typedValue(
  RED: NodeAPI,
  node: Node,
  value: string,
  type: string,
  message: Message,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    RED.util.evaluateNodeProperty(value, type, node, message, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}

/** The same for a field that holds a text: whatever is not one, or empty, counts as not given. */
export async function typedText(...field: Parameters<typeof typedValue>): Promise<string | undefined> {
  const value = await typedValue(...field);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** The same for words with commas between them, or a list of words. */
export async function typedWords(...field: Parameters<typeof typedValue>): Promise<string[]> {
  const value = await typedValue(...field);
  if (Array.isArray(value)) return value.filter((word) => typeof word !== 'object').map(String);
  return typeof value === 'string' || typeof value === 'number' ? String(value).split(',') : [];
}

/**
 * The same for a number; empty counts as not given. What is taken from elsewhere and is none of `range` throws
 * `BAD_MESSAGE`; what stands in the dialog, the dialog has judged.
 */
export async function typedNumber(
  name: string,
  range: NumberRange,
  ...field: Parameters<typeof typedValue>
): Promise<number | undefined> {
  const [, , text, type] = field;
  if (type === 'num') return optionalNumber(text);
  const value = await typedValue(...field);
  return numberWithin(name, value === '' ? undefined : value, range);
}
