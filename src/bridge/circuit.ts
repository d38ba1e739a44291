import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  DelegateBackoff,
  handleWhen,
  IsolatedCircuitError,
} from 'cockatiel';
import { BridgeError, type BridgeErrorCode } from './bridge-error.ts';

/** `half-open`: one call is let through to see whether the server is back. */
export type CircuitStateName = 'closed' | 'open' | 'half-open';

const stateNames: Record<CircuitState, CircuitStateName> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

/** What says that the server is ill. Anything else is an answer, if only to a wrong question. */
const failuresOfTheServer: ReadonlySet<BridgeErrorCode> = new Set([
  'UNREACHABLE',
  'TIMEOUT',
  'INTERNAL',
  'BAD_RESPONSE',
]);

/** Failures in a row that open it. */
const failuresUntilOpen = 5;
/** How long it stays open at first and at most; it doubles each time that the trial call fails. */
const firstWaitMs = 1000;
const longestWaitMs = 5000;

/**
 * Holds calls back from a server that keeps failing, so that neither side wastes its time. One for each URL and model:
 * a model that fails must not close the others off.
 */
export class Circuit {
  readonly #name: string;
  readonly #policy: CircuitBreakerPolicy;
  #waitMs = 0;
  #openedAt = 0;
  #held: { dispose(): void } | undefined;

  /** `onChange` is told of every change of state. */
  constructor(name: string, onChange: (state: CircuitStateName) => void = () => {}) {
    this.#name = name;
    this.#policy = circuitBreaker(
      handleWhen((error) => error instanceof BridgeError && failuresOfTheServer.has(error.code)),
      {
        breaker: new ConsecutiveBreaker(failuresUntilOpen),
        halfOpenAfter: new DelegateBackoff(({ attempt }) => {
          this.#waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1));
          return this.#waitMs;
        }),
      },
    );
    this.#policy.onBreak(() => {
      this.#openedAt = Date.now();
    });
    this.#policy.onStateChange((state) => onChange(stateNames[state]));
  }

  get state(): CircuitStateName {
    return stateNames[this.#policy.state];
  }

  /** Milliseconds until a call will be let through again; 0 when it would be now. */
  get opensInMs(): number {
    return this.state === 'open' && !this.#clockWentBack
      ? Math.max(0, this.#openedAt + this.#waitMs - Date.now())
      : 0;
  }

  /**
   * The policy goes by the wall clock. One that was set back since it opened, as NTP does after a start without network, would
   * hold calls back for hours.
   */
  get #clockWentBack(): boolean {
    return Date.now() < this.#openedAt;
  }

  /** Opens it by hand: nothing is let through until `close()`. */
  open(): void {
    this.#held ??= this.#policy.isolate();
  }

  /** Closes it, whether it was opened by hand or by failures; these are counted anew. */
  close(): void {
    this.open();
    this.#held?.dispose();
    this.#held = undefined;
  }

  /** @throws BridgeError `CIRCUIT_OPEN` without calling `operation`, or what the operation throws. */
  async execute<T>(operation: () => Promise<T>): Promise<T> {
    if (this.state === 'open' && !this.#held && this.#clockWentBack) this.close();
    try {
      return await this.#policy.execute(operation);
    } catch (error) {
      if (error instanceof IsolatedCircuitError) {
        throw new BridgeError(
          'CIRCUIT_OPEN',
          `Calls to ${this.#name} are held back by hand. Close the circuit to let them through again.`,
          { cause: error },
        );
      }
      if (!(error instanceof BrokenCircuitError)) throw error;
      throw new BridgeError(
        'CIRCUIT_OPEN',
        `Calls to ${this.#name} are held back for ${(this.opensInMs / 1000).toFixed(1)} s because it failed ` +
          `${failuresUntilOpen} times in a row. Check that the server runs; work goes on by itself when it is back.`,
        { cause: lastFailure(this.#policy), retryAfterMs: this.opensInMs },
      );
    }
  }
}

function lastFailure(policy: CircuitBreakerPolicy): unknown {
  const failure = policy.lastFailure;
  return failure && 'error' in failure ? failure.error : undefined;
}
