import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BridgeError } from '../../src/bridge/bridge-error.ts';
import { parseServerMessage } from '../../src/bridge/control-messages.ts';
import { addressFrame, decodeFeaturesFrame, encodeWindowFrame } from '../../src/bridge/frames.ts';

interface Decoded {
  kind: 'window' | 'features';
  dtype: 's16le' | 'f32le';
  gap: boolean;
  stream: number;
  seq: number;
  firstSample: number;
  values: number[];
}

const vectors = JSON.parse(readFileSync(new URL('../protocol/vectors.json', import.meta.url), 'utf8')) as {
  frames: {
    valid: { name: string; hex: string; decoded: Decoded }[];
    invalid: { name: string; hex: string; expected: string }[];
  };
  messages: {
    server: {
      valid: { name: string; text: string; message: Record<string, unknown> }[];
      invalid: { name: string; text: string; error: string }[];
    };
  };
};

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof BridgeError) return error.code;
    throw error;
  }
}

describe('the protocol’s frames', () => {
  const valid = (kind: string) => vectors.frames.valid.filter(({ decoded }) => decoded.kind === kind);

  test.each(valid('window'))('writes $name', ({ hex, decoded }) => {
    const { stream, seq, gap, firstSample, dtype, values } = decoded;
    const frame = encodeWindowFrame(Float32Array.from(values), firstSample, dtype);
    addressFrame(frame, { stream, seq, gap });
    expect(frame.toString('hex')).toBe(hex);
  });

  test.each(valid('features'))('reads $name', ({ hex, decoded }) => {
    const { stream, seq, gap, firstSample, values } = decoded;
    expect(decodeFeaturesFrame(Buffer.from(hex, 'hex'))).toEqual({
      stream,
      seq,
      gap,
      firstSample,
      features: Float32Array.from(values),
    });
  });

  test.each(vectors.frames.invalid)('refuses $name', ({ hex, expected, name }) => {
    const frame = Buffer.from(hex, 'hex');
    if (expected === 'window' && name.startsWith('features')) return; // Bad for a server only.
    expect(codeOf(() => decodeFeaturesFrame(frame))).toBe('BAD_FRAME');
  });
});

describe('the protocol’s messages', () => {
  test.each(vectors.messages.server.valid)('reads $name', ({ text, message }) => {
    const parsed = parseServerMessage(text) as Record<string, unknown>;
    if (message.type === 'error') {
      const { code, message: said, retryable, retryAfterMs, ...where } = message;
      const { error, ...parsedWhere } = parsed as { error: BridgeError };
      expect(parsedWhere).toEqual(where);
      expect({ code: error.code, said: error.message, retryable: error.retryable }).toEqual({
        code,
        said,
        retryable,
      });
      expect(error.retryAfterMs).toBe(retryAfterMs);
    } else {
      expect(withNullCalibrations(parsed)).toEqual(message);
    }
  });

  test.each(vectors.messages.server.invalid)('refuses $name', ({ text, error }) => {
    expect(codeOf(() => parseServerMessage(text))).toBe(error);
  });

  test('drops __proto__ at any depth', () => {
    const parsed = parseServerMessage('{"type":"draining","afterMs":5,"__proto__":{"afterMs":6}}');
    expect(parsed).toEqual({ type: 'draining', afterMs: 5 });
    expect(codeOf(() => parseServerMessage('{"__proto__":{"type":"draining","afterMs":5}}'))).toBe(
      'BAD_RESPONSE',
    );
  });
});

/** On the wire an unmeasured calibration is null; here it is absent. */
function withNullCalibrations(message: Record<string, unknown>): unknown {
  const filled = (model: object) => ({ calibration: null, ...model });
  return {
    ...message,
    ...(message.models ? { models: (message.models as object[]).map(filled) } : {}),
    ...(message.model ? { model: filled(message.model as object) } : {}),
  };
}
