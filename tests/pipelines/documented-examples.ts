import { readdirSync, readFileSync } from 'node:fs';

export interface DocumentedExample {
  /** The file whose documentation it is in. */
  file: string;
  code: string;
  /** What its lines `console.log(…); // this` promise, in order. */
  promised: (string | undefined)[];
}

/** Every TypeScript block in the documentation comments of a folder's files. */
export function documentedExamples(folder: URL): DocumentedExample[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const source = readFileSync(new URL(file, folder), 'utf8');
      return [...source.matchAll(/^ \* ```ts\n(.*?)^ \* ```$/gms)].map(([, block]) => {
        const code = block!.replaceAll(/^ \* ?/gm, '');
        const logs = code.split('\n').filter((line) => line.includes('console.log('));
        return { file, code, promised: logs.map((line) => /\/\/ (.*)$/.exec(line)?.[1]) };
      });
    });
}

/** Runs an example with these variables and returns what it logged, as its comments would write it. */
export async function runExample(
  code: string,
  variables: Record<string, unknown>,
  load: (module: string) => Promise<Record<string, unknown>>,
): Promise<string[]> {
  const logged: string[] = [];
  const log = (...values: unknown[]) => logged.push(values.map(written).join(' '));
  const body = code.replaceAll(
    /^import \{(.*?)\} from '(.*?)';$/gms,
    (_, names: string, module: string) => `const {${names}} = await load(${JSON.stringify(module)});`,
  );
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  const names = [...Object.keys(variables), 'load', 'console'];
  await new AsyncFunction(...names, body)(...Object.values(variables), load, { log, warn: log });
  return logged;
}

function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
