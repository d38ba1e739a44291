import type { Terminal } from './terminal.ts';
import { showDuration } from './units.ts';

/** Milliseconds between two drawings: often enough to look alive, seldom enough to cost nothing. */
const redrawEvery = 100;
/** Where no person watches (a log, a pipe), a line now and then says that the work goes on. */
const reportEvery = 30_000;

export interface Progress {
  /** Of `total`, in the same unit. */
  done: number;
  total: number;
  /** What is shown behind the bar, for example `12 of 40 files · 31 x real time`. */
  text: string;
}

/** A bar with a share, a text and the time left, redrawn in place. */
export class ProgressBar implements Disposable {
  private readonly terminal: Terminal;
  private readonly started = performance.now();
  private drawnAt = Number.NEGATIVE_INFINITY;
  private reportedAt = this.started;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  update(progress: Progress): void {
    const now = performance.now();
    const seconds = (now - this.started) / 1000;
    if (this.terminal.interactive) {
      if (now - this.drawnAt < redrawEvery) return;
      this.drawnAt = now;
      this.terminal.status(renderProgress(progress, seconds, this.terminal.width - 1));
    } else if (now - this.reportedAt >= reportEvery) {
      this.reportedAt = now;
      this.terminal.note(describeProgress(progress, seconds));
    }
  }

  [Symbol.dispose](): void {
    this.terminal.clearStatus();
  }
}

/** The whole line, never wider than `width`. */
export function renderProgress(progress: Progress, elapsedSeconds: number, width: number): string {
  const text = ` ${describeProgress(progress, elapsedSeconds)}`;
  const cells = Math.min(24, width - text.length);
  if (cells < 5) return text.trimStart().slice(0, width);
  const filled = Math.round(share(progress) * cells);
  return `${'█'.repeat(filled)}${'░'.repeat(cells - filled)}${text}`;
}

function describeProgress(progress: Progress, elapsedSeconds: number): string {
  const part = share(progress);
  const percent = `${Math.floor(part * 100)} %`.padStart(5);
  // Before a fiftieth is done the estimate would jump about.
  const left =
    part >= 0.02 && part < 1 ? ` · ${showDuration((elapsedSeconds / part) * (1 - part))} left` : '';
  return `${percent} · ${progress.text}${left}`;
}

function share({ done, total }: Progress): number {
  return total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
}
