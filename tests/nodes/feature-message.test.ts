import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageFeatures, messageVector } from '../../nodes/feature-message.ts';
import type { Message } from '../../nodes/message-worker.ts';

const message = (properties: object) => ({ _msgid: '1', ...properties }) as Message;

describe('messageVector', () => {
  it('reads the same vector from numbers, from a Float32Array and from bytes', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 1, maxLength: 64, noNaN: true, noDefaultInfinity: true }),
        (vector) => {
          const bytes = Buffer.concat([Buffer.from('x'), Buffer.from(vector.buffer)]).subarray(1);
          for (const payload of [vector, Array.from(vector), bytes]) {
            expect(messageVector(message({ payload }))).toEqual(vector);
          }
        },
      ),
    );
  });

  it('reads it beside what a sound was recognised as', () => {
    const recognised = { payload: { label: 'doorbell' }, features: { vector: [1, 2] } };
    expect(messageVector(message(recognised))).toEqual(Float32Array.of(1, 2));
    expect(messageVector(message({ ...recognised, payload: [3] }))).toEqual(Float32Array.of(3));
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'doorbell'],
    ['an empty list', []],
    ['a list with a text in it', [1, '2']],
    ['what JSON makes of NaN', [1, null]],
    ['infinity', [1, Number.POSITIVE_INFINITY]],
    ['half a number', Buffer.alloc(7)],
    ['a vector longer than any encoder makes', new Float32Array(70_000)],
    ['what split makes of a Float32Array', { 0: 0.1, 1: 0.2 }],
  ])('refuses %s and says what to send', (_what, payload) => {
    expect(() => messageVector(message({ payload }))).toThrowError(
      expect.objectContaining({ code: 'BAD_MESSAGE', message: expect.stringContaining('msg.payload') }),
    );
  });
});

describe('messageFeatures', () => {
  it('keeps what is sound and replaces what is not, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (features) => {
        const { startTime, endTime, frequencyRange } = messageFeatures(message({ features }));
        expect(startTime).toBeGreaterThanOrEqual(0);
        expect(endTime).toBeGreaterThanOrEqual(startTime);
        expect(frequencyRange.low).toBeGreaterThanOrEqual(0);
        expect(frequencyRange.high).toBeGreaterThanOrEqual(frequencyRange.low);
      }),
    );
  });

  it('reads what wav2vec2 extract writes', () => {
    const features = {
      model: 'earmark-small',
      revision: '0123456789ab',
      dimensions: 768,
      startTime: 1.5,
      endTime: 2.25,
      frequencyRange: { low: 300, high: 4000 },
    };
    expect(messageFeatures(message({ features }))).toEqual({
      startTime: 1.5,
      endTime: 2.25,
      frequencyRange: { low: 300, high: 4000 },
      encoder: { name: 'earmark-small', revision: '0123456789ab' },
    });
  });
});
