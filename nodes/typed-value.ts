import type { Node, NodeAPI } from 'node-red';
import { numberWithin } from './message-options.ts';
import type { Message } from './message-worker.ts';
import { NodeError } from './node-error.ts';
import { type NumberRange, optionalNumber } from './number-field.ts';

/**
 * The value of a typed input; what is not there is undefined. An expression that is wrong, or fails for this message,
 * throws `BAD_MESSAGE`.
 */
export async function typedValue(
  RED: NodeAPI,
  node: Node,
  value: string | undefined,
  type: string,
  message: Message,
): Promise<unknown> {
  // A flow that was written by hand may lack it, and Node-RED would make the word "undefined" of it.
  if (value === undefined) return undefined;
  try {
    // JSONata answers only through a callback, so all of them do here.
    return await new Promise((resolve, reject) => {
      RED.util.evaluateNodeProperty(value, type, node, message, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
    });
  } catch (thrown) {
    // What JSONata throws is an object of its own.
    const { code, message: said } = thrown as { code?: string; message?: string };
    if (type === 'jsonata' || code === 'INVALID_EXPR') {
      throw new NodeError('BAD_MESSAGE', `A field of the dialog cannot be read: ${said}`, { cause: thrown });
    }
    // `msg.a.b` where there is no `msg.a`; Node-RED's contexts have nothing there either.
    if (type === 'msg') return undefined;
    throw thrown;
  }
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
