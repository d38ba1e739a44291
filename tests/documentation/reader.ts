import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import type { RealBridge } from '../real-bridge.ts';
import { root } from './pages.ts';
import { standIns, writeStandIn } from './stand-in.ts';

const sampleSounds = path.join(root, 'flows', 'sounds');

export interface Finished {
  status: number | null;
  output: string;
}

/**
 * Somebody who does what the pages say: in a clone, with a home of their own that has recordings and two memories in
 * it, and with a running bridge. What may not be done here is done by stand-ins.
 */
export class Reader {
  /** Inside the project, so that the package's own name leads to the built package, as it does for a user. */
  readonly #folder: string;
  readonly #bridge: RealBridge;

  private constructor(folder: string, bridge: RealBridge) {
    this.#folder = folder;
    this.#bridge = bridge;
  }

  static async start(bridge: RealBridge): Promise<Reader> {
    mkdirSync(path.join(root, '.earmark'), { recursive: true });
    const folder = mkdtempSync(path.join(root, '.earmark', 'documentation-'));
    const reader = new Reader(folder, bridge);
    reader.#layOut();
    const taught = await reader.sh(
      'home',
      'earmark ingest ~/sounds --label-from folder && mkdir -p ~/.node-red/earmark && cp -r ~/.earmark/memory ~/.node-red/earmark/memory',
    );
    if (taught.status !== 0) throw new Error(`The reader's memory could not be made:\n${taught.output}`);
    return reader;
  }

  #layOut(): void {
    const clone = path.join(this.#folder, 'clone');
    const programs = path.join(this.#folder, 'programs');
    const home = path.join(this.#folder, 'home');
    for (const folder of [clone, programs, path.join(clone, '.venv', 'bin')])
      mkdirSync(folder, { recursive: true });
    for (const name of ['flows', 'package.json', 'dist'])
      symlinkSync(path.join(root, name), path.join(clone, name));
    // A folder of its own, from which `..` leads into this clone.
    mkdirSync(path.join(clone, 'python-bridge'));
    for (const name of readdirSync(path.join(root, 'python-bridge')))
      symlinkSync(path.join(root, 'python-bridge', name), path.join(clone, 'python-bridge', name));
    for (const name of Object.keys(standIns)) writeStandIn(path.join(programs, name), name);
    writeStandIn(path.join(clone, '.venv', 'bin', 'python'), 'python');
    writeStandIn(path.join(clone, '.venv', 'bin', 'pip'), 'pip');
    const recordings = readdirSync(sampleSounds).filter((name) => name.endsWith('.wav'));
    for (const name of recordings) {
      const [number, label] = name.slice(0, -4).split('-') as [string, string];
      cpSync(path.join(sampleSounds, name), path.join(home, 'sounds', label, `${Number(number)}.wav`));
    }
    cpSync(path.join(sampleSounds, '03-doorbell.wav'), path.join(clone, 'unknown.wav'));
    const night = recordings.flatMap((name) => [...readFileSync(path.join(sampleSounds, name)).subarray(44)]);
    const samples = new Int16Array(new Uint8Array(night).buffer);
    writeFileSync(
      path.join(clone, 'night.wav'),
      encodeWav(
        Float32Array.from(samples, (s) => s / 32_768),
        16_000,
      ),
    );
  }

  /** Each page has a reader with a home of its own, in which its blocks follow each other. */
  homeFor(page: string): string {
    const home = `home-${page.replaceAll(/\W/g, '-')}`;
    cpSync(path.join(this.#folder, 'home'), path.join(this.#folder, home), { recursive: true });
    return home;
  }

  /** Types it into a shell that stops at the first command that fails. */
  sh(home: string, code: string): Promise<Finished> {
    return this.#run('bash', ['-euo', 'pipefail', '-c', this.#atTheBridge(code)], home);
  }

  /** Saves it as a file of the clone and runs it. */
  ts(name: string, code: string): Promise<Finished> {
    const file = path.join(this.#folder, 'clone', name);
    writeFileSync(file, this.#atTheBridge(code));
    return this.#run(process.execPath, [file], 'home');
  }

  /** Has the compiler judge programs, as strictly as it can. */
  typeCheck(programs: readonly string[]): Promise<Finished> {
    const files = programs.map((code, index) => {
      const file = path.join(this.#folder, 'clone', `checked-${index}.ts`);
      // What is no module yet shares its names with all others.
      writeFileSync(file, `${code}\nexport {};\n`);
      return file;
    });
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const options =
      '--ignoreConfig --noEmit --strict --skipLibCheck --module nodenext --target es2023 --types node'.split(
        ' ',
      );
    return this.#run(
      process.execPath,
      [tsc, ...options, '--lib', 'es2024,esnext.disposable', ...files],
      'home',
    );
  }

  #atTheBridge(code: string): string {
    return code.replaceAll(/http:\/\/(?:127\.0\.0\.1|localhost):8000/g, this.#bridge.url);
  }

  async #run(program: string, args: string[], home: string): Promise<Finished> {
    const { PATH, ...environment } = process.env;
    const child = spawn(program, args, {
      cwd: path.join(this.#folder, 'clone'),
      env: {
        ...environment,
        PATH: [path.join(this.#folder, 'programs'), PATH].join(path.delimiter),
        HOME: path.join(this.#folder, home),
        EARMARK_TOKEN: this.#bridge.token,
        EARMARK_BRIDGE_URL: this.#bridge.url,
        NODE_COMPILE_CACHE: path.join(this.#folder, 'compiled'),
        NO_COLOR: '1',
      },
      timeout: 60_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, output };
  }

  end(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
