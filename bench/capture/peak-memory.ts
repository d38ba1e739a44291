import { readdirSync, readFileSync } from 'node:fs';

/** Watches this process and its children, every few milliseconds, for the most memory they have had. */
export class PeakMemory implements Disposable {
  /** Most resident bytes of this process while watched. */
  own = 0;
  /** Most resident bytes of any child, by the kernel's own count. */
  child = 0;
  readonly #timer = setInterval(() => this.look(), 5);

  look(): void {
    this.own = Math.max(this.own, process.memoryUsage.rss());
    for (const task of readdirSync('/proc/self/task')) {
      for (const pid of read(`/proc/self/task/${task}/children`).split(' ').filter(Boolean)) {
        const peak = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1];
        if (peak !== undefined) this.child = Math.max(this.child, 1024 * Number(peak));
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** A process may be gone between being listed and being read. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
