import { readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import type { FeatureVectorDatabase } from './feature-vector-database.ts';
import { memoryFiles } from './memory-path.ts';
import { StorageError } from './storage-error.ts';

/** Who writes to a memory. It lies in LMDB, whose write transactions make taking it atomic. */
interface Holder {
  token: string;
  pid: number;
  /** When the process started, in the system's own count; tells a reused pid apart. */
  started: string;
  /** Host and pid namespace: only there does the pid mean anything. */
  place: string;
  /** The memory's folder: in a copy of the memory, the original's writer does not count. */
  folder: string;
}

const heartbeatMilliseconds = 5_000;
const deadAfterMilliseconds = 30_000;

/** The one writer of a memory, until released or dead. */
export class WriterLock {
  readonly #database: FeatureVectorDatabase;
  readonly #heartbeatFile: string;
  readonly #holder: Holder;
  readonly #timer: NodeJS.Timeout;

  /** Throws LOCKED when another writer lives. */
  constructor(database: FeatureVectorDatabase, folder: string, token: string) {
    this.#database = database;
    this.#heartbeatFile = path.join(folder, memoryFiles.heartbeat);
    this.#holder = { token, pid: process.pid, started: startOf(process.pid), place: place(), folder };
    let other: Holder | undefined;
    database.root.transactionSync(() => {
      const found = database.writerLock() as Holder | undefined;
      if (found !== undefined && this.#isAlive(found)) other = found;
      else database.setWriterLock(this.#holder);
    });
    if (other !== undefined) {
      const who =
        other.pid === process.pid ? 'This process' : `Process ${other.pid} on ${other.place.split(' ')[0]}`;
      throw new StorageError(
        'LOCKED',
        `${who} already writes to this memory: share its storage, close it, or open this one with readOnly: true.`,
      );
    }
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), heartbeatMilliseconds).unref();
  }

  /** Within a write transaction: ends a writer that was taken for dead and replaced. */
  check(): void {
    const found = this.#database.writerLock() as Holder | undefined;
    if (found?.token !== this.#holder.token) {
      throw new StorageError('LOCKED', 'Another process took over this memory: close it and open it again.');
    }
  }

  release(): void {
    clearInterval(this.#timer);
    this.#database.root.transactionSync(() => {
      const found = this.#database.writerLock() as Holder | undefined;
      if (found?.token !== this.#holder.token) return;
      this.#database.setWriterLock(undefined);
      rmSync(this.#heartbeatFile, { force: true });
    });
  }

  #isAlive(holder: Holder): boolean {
    if (holder.folder !== this.#holder.folder) return false;
    if (holder.place === place()) {
      if (!isRunning(holder.pid) || startOf(holder.pid) !== holder.started) return false;
      // Within this process the writing thread may have died alone, and then its heart stands still.
      if (holder.pid !== process.pid) return true;
    }
    try {
      // One of a time to come is none: after a power cut a clock without a battery is behind until it is set.
      return Math.abs(Date.now() - statSync(this.#heartbeatFile).mtimeMs) < deadAfterMilliseconds;
    } catch {
      // A full disk lets no heartbeat be written; here the pid has told already.
      return holder.place === place();
    }
  }

  #beat(): void {
    const now = new Date();
    try {
      utimesSync(this.#heartbeatFile, now, now);
    } catch {
      try {
        writeFileSync(this.#heartbeatFile, '', { mode: 0o600 });
      } catch {
        // A full or read-only disk; writes will say so. The pid still tells processes on this host.
      }
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startOf(pid: number): string {
  try {
    // Field 22 of Linux's stat; the second field may hold spaces and ends with the last parenthesis.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function place(): string {
  let namespace = '';
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not Linux: the host's name must do.
  }
  return `${hostname()} ${namespace}`;
}
