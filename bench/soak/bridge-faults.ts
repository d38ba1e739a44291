import {
  type FaultKind,
  faultKinds,
  randomNumbers,
  runFaultCampaign,
} from '../../tests/bridge/fault-campaign.ts';

/** `[faults] [seed]`: faults of all kinds between client and real server; prints what was lost and how fast all recovered. */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const count = Number(args[0] ?? 220);
  const seed = Number(args[1] ?? 1);
  const random = randomNumbers(seed);
  // One of each in every round, in another order each time.
  const faults: FaultKind[] = [];
  while (faults.length < count) faults.push(...[...faultKinds].sort(() => random() - 0.5));
  const recoveries = new Map<FaultKind, number[]>();
  const result = await runFaultCampaign({
    faults: faults.slice(0, count),
    seed,
    onFault: (index, kind, milliseconds) => {
      recoveries.set(kind, [...(recoveries.get(kind) ?? []), milliseconds]);
      if (index % 20 === 19) console.error(`${index + 1} faults`);
    },
  });
  const { recoveryMs, ...counts } = result;
  return {
    seed,
    ...counts,
    recoveryMs: percentiles(recoveryMs),
    recoveryMsByFault: Object.fromEntries(
      [...recoveries].map(([kind, values]) => [kind, percentiles(values)]),
    ),
    /** With no loss in n windows, the share lost is below 3/n at 95 % confidence. */
    lossRateBound95: 3 / result.fileWindows,
  };
}

function percentiles(values: readonly number[]): Record<'p50' | 'p95' | 'max', number> {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}
