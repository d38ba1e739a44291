import { firstValueFrom } from 'rxjs';
import type { HealthSnapshot } from '../../src/health/health-monitor.ts';
import type { BridgeCondition, BridgeConnection } from '../earmark-bridge/bridge-connection.ts';
import type { MemoryCondition, MemoryNode } from '../earmark-memory/earmark-memory.ts';

/** One plain value for dashboards, MQTT and alarms. */
export interface HealthReport {
  status: 'ok' | 'starting' | 'degraded' | 'down';
  /** What is wrong, for people; empty where nothing is. */
  reason: string;
  /** Milliseconds since 1970. */
  at: number;
  bridge: {
    state: BridgeCondition['value'];
    /** The server's own report; null while it cannot be had. */
    server: Record<string, unknown> | null;
  };
  requests: HealthSnapshot['requests'];
  /** `closed` lets calls through, `open` holds them back because the server kept failing. */
  circuits: Record<string, string>;
  /** null where the node has no memory. */
  memory: { state: MemoryCondition['value']; sounds: number | null } | null;
  system: HealthSnapshot['system'];
}

/** A server that does not answer in this time is reported without its own words. */
const serverDeadlineMs = 2000;

const bridgeVerdict: Record<BridgeCondition['value'], HealthReport['status']> = {
  unused: 'starting',
  installing: 'starting',
  starting: 'starting',
  ready: 'ok',
  paused: 'degraded',
  away: 'down',
  failed: 'down',
};

export async function healthReport(
  connection: BridgeConnection,
  memory: MemoryNode | undefined,
  signal?: AbortSignal,
): Promise<HealthReport> {
  const condition = connection.condition$.value;
  const { service } = connection;
  const deadline = AbortSignal.any([AbortSignal.timeout(serverDeadlineMs), ...(signal ? [signal] : [])]);
  const server =
    condition.value === 'ready' ? await service!.serverReport({ signal: deadline }).catch(() => null) : null;
  const memoryCondition = memory?.condition$ && (await firstValueFrom(memory.condition$));
  const sounds =
    memoryCondition?.value === 'ready'
      ? await memory!
          .storage()
          .then((storage) => storage.countPatterns())
          .catch(() => null)
      : null;

  const reasons: string[] = [];
  let status = bridgeVerdict[condition.value];
  if (condition.value !== 'ready') reasons.push(`The bridge is ${condition.value}.`);
  if ('error' in condition && condition.error) reasons.push(condition.error.message);
  if (memoryCondition?.value === 'failed') {
    status = 'down';
    reasons.push(memoryCondition.error.message);
  }
  const health = connection.health.snapshot();
  return {
    status,
    reason: reasons.join(' '),
    at: Date.now(),
    bridge: { state: condition.value, server },
    requests: health.requests,
    circuits: service?.metrics().circuits ?? {},
    memory: memoryCondition ? { state: memoryCondition.value, sounds } : null,
    system: health.system,
  };
}
