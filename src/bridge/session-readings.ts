/** What a streaming session does now and did since its start; see `BridgeMetrics`. */
export interface SessionReadings {
  streams: number;
  queuedWindows: number;
  unansweredWindows: number;
  unansweredBytes: number;
  bufferedBytes: number;
  /** The last heartbeat's round trip. */
  heartbeatMs: number | null;
  reconnects: number;
  resentWindows: number;
  droppedWindows: number;
  /** Milliseconds that windows waited for the server to grant credit. */
  creditStalledMs: number;
  /** Audio embedded, in seconds. */
  audioSeconds: number;
  /** Windows that wait in the server, as it said with its last heartbeat. */
  serverQueued: number | null;
  /** Seconds of inference during its last second, per worker, 0 to 1. */
  serverBusy: number | null;
}

/** Of several servers' sessions: sums, and of the servers' own words the first one's that spoke. */
export function totalReadings(first: SessionReadings, others: readonly SessionReadings[]): SessionReadings {
  return others.reduce(
    (total, next) => ({
      streams: total.streams + next.streams,
      queuedWindows: total.queuedWindows + next.queuedWindows,
      unansweredWindows: total.unansweredWindows + next.unansweredWindows,
      unansweredBytes: total.unansweredBytes + next.unansweredBytes,
      bufferedBytes: total.bufferedBytes + next.bufferedBytes,
      heartbeatMs: total.heartbeatMs ?? next.heartbeatMs,
      reconnects: total.reconnects + next.reconnects,
      resentWindows: total.resentWindows + next.resentWindows,
      droppedWindows: total.droppedWindows + next.droppedWindows,
      creditStalledMs: total.creditStalledMs + next.creditStalledMs,
      audioSeconds: total.audioSeconds + next.audioSeconds,
      serverQueued: total.serverQueued ?? next.serverQueued,
      serverBusy: total.serverBusy ?? next.serverBusy,
    }),
    first,
  );
}
