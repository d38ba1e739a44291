import { type Answer, ask } from './server.ts';

/** Sound that is sent at once: less makes more requests, more makes the flow wait. */
const leastMs = 100;
const mostMs = 2000;
/** Sound that is held while Node-RED does not answer; then the oldest is lost. */
const heldMs = 10_000;
const retryMs = 1000;

interface Block {
  firstSample: number;
  samples: Int16Array;
}

export interface UploadListener {
  onAnswer(answer: Answer): void;
  /** Seconds lost in all. */
  onLoss(seconds: number): void;
}

/** Sends a recording in parts, one at a time and each until it has arrived. */
export class Upload {
  readonly #name = crypto.randomUUID();
  readonly #sampleRate: number;
  readonly #listener: UploadListener;
  #blocks: Block[] = [];
  #held = 0;
  /** Index of the next sample that is recorded. */
  #next = 0;
  #lost = 0;
  #ended = false;
  #wake = () => {};

  constructor(sampleRate: number, listener: UploadListener) {
    this.#sampleRate = sampleRate;
    this.#listener = listener;
  }

  add(samples: Int16Array): void {
    this.#blocks.push({ firstSample: this.#next, samples });
    this.#next += samples.length;
    this.#held += samples.length;
    while (this.#held > this.#samples(heldMs)) {
      const { length } = this.#blocks.shift()!.samples;
      this.#held -= length;
      this.#lose(length);
    }
    this.#wake();
  }

  /** So much was not recorded. */
  skip(milliseconds: number): void {
    const count = Math.round(this.#samples(milliseconds));
    this.#next += count;
    this.#lose(count);
  }

  /** What is held is still sent, if Node-RED takes it. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Resolves when all is sent after `end`, or when another browser is heard. */
  async run(): Promise<void> {
    while (!this.#ended || this.#blocks.length > 0) {
      if (!this.#ended && this.#held < this.#samples(leastMs)) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const sent = this.#part();
      const answer = await this.#send(sent);
      this.#listener.onAnswer(answer);
      if (answer === 'ok') this.#drop(sent);
      // Nobody has listened, so nothing is missed.
      else if (answer === 'not-listening') this.#drop(this.#blocks);
      else if (answer === 'busy' || this.#ended) return;
      if (answer !== 'ok') await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    await ask(`audio?${new URLSearchParams({ recording: this.#name, end: 'true' })}`, { method: 'POST' });
  }

  /** The oldest blocks that follow on each other. */
  #part(): Block[] {
    const part: Block[] = [];
    let end = this.#blocks[0]?.firstSample ?? 0;
    const most = end + this.#samples(mostMs);
    for (const block of this.#blocks) {
      if (block.firstSample !== end || end >= most) break;
      part.push(block);
      end += block.samples.length;
    }
    return part;
  }

  #send(part: Block[]): Promise<Answer> {
    const query = new URLSearchParams({
      recording: this.#name,
      firstSample: String(part[0]!.firstSample),
      sampleRate: String(this.#sampleRate),
    });
    // Every browser of today runs on little-endian machines, and s16le is what is asked for.
    const body = new Blob(part.map(({ samples }) => samples as Int16Array<ArrayBuffer>));
    return ask(`audio?${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/octet-stream' },
    });
  }

  /** Some may have been lost meanwhile, for want of room. */
  #drop(blocks: Block[]): void {
    const dropped = new Set(blocks);
    this.#blocks = this.#blocks.filter((block) => !dropped.has(block));
    this.#held = this.#blocks.reduce((sum, { samples }) => sum + samples.length, 0);
  }

  #lose(count: number): void {
    this.#lost += count;
    this.#listener.onLoss(this.#lost / this.#sampleRate);
  }

  #samples(milliseconds: number): number {
    return (milliseconds * this.#sampleRate) / 1000;
  }
}
