// npm run -s bench -- NAME [--json] [options of the benchmark]
// Each bench/NAME.ts exports `run` and returns what it measured; this prints it as JSON or as a table.
import { readdirSync } from 'node:fs';

type Result = Record<string, unknown>;
interface Benchmark {
  run(options: { json: boolean; args: string[] }): Promise<Result>;
}

const [name, ...rest] = process.argv.slice(2);
const json = rest.includes('--json');
const args = rest.filter((argument) => argument !== '--json');

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3));
if (name === undefined || !names.includes(name)) {
  console.error(`Name one of the benchmarks: ${names.join(', ')}`);
  process.exit(2);
}

function show(value: unknown, indent = ''): void {
  for (const [key, entry] of Object.entries(value as Result)) {
    if (Array.isArray(entry) && entry.every((row) => row !== null && typeof row === 'object')) {
      console.log(`${indent}${key}:`);
      console.table(entry);
    } else if (entry !== null && typeof entry === 'object' && !Array.isArray(entry)) {
      console.log(`${indent}${key}:`);
      show(entry, `${indent}  `);
    } else {
      console.log(`${indent}${key}: ${JSON.stringify(entry)}`);
    }
  }
}

const benchmark = (await import(new URL(`./${name}.ts`, import.meta.url).href)) as Benchmark;
const result = await benchmark.run({ json, args });
if (json) console.log(JSON.stringify(result));
else show(result);
process.exit(0);
