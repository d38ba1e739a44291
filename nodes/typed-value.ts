import type { Node, NodeAPI } from 'node-red';
import type { Message } from './message-worker.ts';

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
