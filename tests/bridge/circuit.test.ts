import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BridgeError, type BridgeErrorCode } from '../../src/bridge/bridge-error.ts';
import { Circuit } from '../../src/bridge/circuit.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failing = (code: BridgeErrorCode) => () => Promise.reject(new BridgeError(code, 'no'));

async function failTimes(circuit: Circuit, times: number, code: BridgeErrorCode = 'UNREACHABLE') {
  for (let i = 0; i < times; i++) await circuit.execute(failing(code)).catch(() => {});
}

describe('a circuit', () => {
  test('opens after five failures in a row and then calls nobody', async () => {
    const states: string[] = [];
    const circuit = new Circuit('http://x', (state) => states.push(state));
    await failTimes(circuit, 4);
    expect(circuit.state).toBe('closed');
    await failTimes(circuit, 1);
    expect(circuit.state).toBe('open');
    const operation = vi.fn(failing('UNREACHABLE'));
    const refused = await circuit.execute(operation).catch((error: unknown) => error);
    expect(operation).not.toHaveBeenCalled();
    expect(refused).toMatchObject({ code: 'CIRCUIT_OPEN', retryable: false, retryAfterMs: 1000 });
    expect((refused as BridgeError).cause).toMatchObject({ code: 'UNREACHABLE' });
    expect(states).toEqual(['open']);
  });

  test('lets one call through after a wait that doubles up to five seconds, and closes when it succeeds', async () => {
    const circuit = new Circuit('http://x');
    await failTimes(circuit, 5);
    for (const wait of [1000, 2000, 4000, 5000, 5000]) {
      expect(circuit.opensInMs).toBe(wait);
      vi.advanceTimersByTime(wait - 1);
      await expect(circuit.execute(failing('UNREACHABLE'))).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
      vi.advanceTimersByTime(1);
      expect(circuit.opensInMs).toBe(0);
      await expect(circuit.execute(failing('UNREACHABLE'))).rejects.toMatchObject({ code: 'UNREACHABLE' });
      expect(circuit.state).toBe('open');
    }
    vi.advanceTimersByTime(5000);
    await expect(circuit.execute(() => Promise.resolve(7))).resolves.toBe(7);
    expect(circuit.state).toBe('closed');
    await failTimes(circuit, 4);
    expect(circuit.state).toBe('closed');
  });

  test('does not wait for a clock that was set back to catch up', async () => {
    const circuit = new Circuit('http://x');
    await failTimes(circuit, 5);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(circuit.opensInMs).toBe(0);
    await expect(circuit.execute(() => Promise.resolve(7))).resolves.toBe(7);
    expect(circuit.state).toBe('closed');
    // Held by hand it stays open, whatever the clock says.
    circuit.open();
    vi.setSystemTime(Date.now() - 3_600_000);
    await expect(circuit.execute(() => Promise.resolve(7))).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  });

  test('is opened and closed by hand, and closing forgets what had failed', async () => {
    const circuit = new Circuit('http://x');
    circuit.open();
    circuit.open();
    const operation = vi.fn(() => Promise.resolve(7));
    const refused = await circuit.execute(operation).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'CIRCUIT_OPEN', message: expect.stringContaining('by hand') });
    expect(operation).not.toHaveBeenCalled();
    vi.advanceTimersByTime(60_000);
    expect(circuit.state).toBe('open');
    circuit.close();
    await expect(circuit.execute(operation)).resolves.toBe(7);
    await failTimes(circuit, 5);
    expect(circuit.state).toBe('open');
    circuit.close();
    expect(circuit.state).toBe('closed');
    await expect(circuit.execute(operation)).resolves.toBe(7);
  });

  test.each([
    'BAD_REQUEST',
    'SAMPLE_RATE',
    'MODEL_NOT_FOUND',
    'UNAUTHENTICATED',
    'OVERLOADED',
    'DRAINING',
    'CANCELLED',
  ] as const)('is not opened by %s, which is an answer', async (code) => {
    const circuit = new Circuit('http://x');
    await failTimes(circuit, 20, code);
    expect(circuit.state).toBe('closed');
  });

  test.each(['UNREACHABLE', 'TIMEOUT', 'INTERNAL', 'BAD_RESPONSE'] as const)(
    'is opened by %s',
    async (code) => {
      const circuit = new Circuit('http://x');
      await failTimes(circuit, 5, code);
      expect(circuit.state).toBe('open');
    },
  );
});
