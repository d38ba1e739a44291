import { parseArgs } from 'node:util';
import { makeData } from './storage/bench-data.ts';
import type { Contender } from './storage/contender.ts';
import { EarmarkContender } from './storage/earmark-contender.ts';
import { HnswlibContender } from './storage/hnswlib-contender.ts';
import { LancedbContender } from './storage/lancedb-contender.ts';
import { LinearScanContender } from './storage/linear-scan-contender.ts';
import { type Figures, measure } from './storage/measure.ts';
import { installPeers } from './storage/peer.ts';
import { SqliteVecContender } from './storage/sqlite-vec-contender.ts';

const peers: Record<string, () => Contender> = {
  'hnswlib-node': () => new HnswlibContender(),
  lancedb: () => new LancedbContender(),
  'sqlite-vec': () => new SqliteVecContender(),
  'linear-scan': () => new LinearScanContender(),
};

/** `npm run -s bench -- storage [--n 100000] [--queries 200] [--peers hnswlib-node,lancedb | none] [--json]` */
export async function run(options: { json: boolean; args: string[] }): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: options.args,
    options: {
      n: { type: 'string', default: '100000' },
      queries: { type: 'string', default: '200' },
      peers: { type: 'string', default: Object.keys(peers).join(',') },
    },
  });
  const say = (line: string) => {
    if (!options.json) process.stderr.write(`${line}\n`);
  };
  const wanted = values.peers.split(',').filter((name) => name in peers);
  if (wanted.some((name) => name !== 'linear-scan')) installPeers(say);
  const count = Number(values.n);
  say(`making ${count} vectors and their true neighbours`);
  const data = makeData(count, Number(values.queries));
  const earmark = new EarmarkContender();
  const figures = await measure(earmark, data, say);
  const others: (Figures | { name: string; missing: string })[] = [];
  for (const name of wanted) {
    try {
      others.push(await measure(peers[name]!(), data, say));
    } catch (error) {
      others.push({ name, missing: (error as Error).message.split('\n')[0]! });
      say(`${name}: ${(error as Error).message}`);
    }
  }
  const result = { n: count, ...figures, plans: Object.fromEntries(earmark.plans), peers: others };
  return options.json ? result : readable(result);
}

/** The same as tables: a row per store, and a row per filter with a column per store. */
function readable(
  result: Figures & { n: number; plans: unknown; peers: (Figures | { name: string; missing: string })[] },
) {
  const stores = [result, ...result.peers];
  const measured = stores.filter((one): one is Figures => !('missing' in one));
  return {
    n: result.n,
    plans: result.plans,
    stores: stores.map((one) => {
      if ('missing' in one) return { name: one.name, missing: one.missing };
      const {
        filtered: _,
        n: __,
        plans: ___,
        peers: ____,
        ...row
      } = one as Figures & Record<string, unknown>;
      return row;
    }),
    filtered: result.filtered.map(({ selectivity, correlated }, f) => ({
      selectivity,
      correlated,
      ...Object.fromEntries(
        measured.map((one) => [
          one.name,
          one.filtered[f] && `${one.filtered[f].p50_ms} ms, recall ${one.filtered[f].recall}`,
        ]),
      ),
    })),
  };
}
