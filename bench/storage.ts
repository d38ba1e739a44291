import { parseArgs } from 'node:util';
import { makeData } from './storage/bench-data.ts';
import type { Contender } from './storage/contender.ts';
import { EarmarkContender } from './storage/earmark-contender.ts';
import { measure } from './storage/measure.ts';

/** `npm run -s bench -- storage [--n 100000] [--queries 300] [--only earmark,linear-scan] [--json]` */
export async function run(options: { json: boolean; args: string[] }): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: options.args,
    options: { n: { type: 'string' }, queries: { type: 'string' }, only: { type: 'string' } },
  });
  const say = (line: string) => {
    if (!options.json) process.stderr.write(`${line}\n`);
  };
  const count = Number(values.n ?? 100_000);
  say(`making ${count} vectors and their true neighbours`);
  const data = makeData(count, Number(values.queries ?? 300));
  const earmark = new EarmarkContender();
  const { name: _, ...figures } = await measure(earmark, data, say);
  return { n: count, ...figures, plans: Object.fromEntries(earmark.plans) };
}
