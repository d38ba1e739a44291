// npm run soak -- NAME [options]: long loops that are too slow for `npm test`.
import { readdirSync } from 'node:fs';

const [name, ...args] = process.argv.slice(2);
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3));
if (name === undefined || !names.includes(name)) {
  console.error(`Name one of the soak tests: ${names.join(', ')}`);
  process.exit(2);
}
const soak = (await import(new URL(`./${name}.ts`, import.meta.url).href)) as {
  run(options: { args: string[] }): Promise<Record<string, unknown>>;
};
console.log(JSON.stringify(await soak.run({ args }), null, 2));
process.exit(0);
