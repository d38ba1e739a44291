// Makes the sounds that the example flows play, each heard twice. The second hearing is the same thing on another day:
// another take, quieter or louder, a little faster or slower, in another room, with more noise. All of it is computed
// here and is the same on every run.
//   flows/sounds/   six household sounds, which the sample flow plays from beginning to end
//   flows/lesson/   one that nobody has named yet, to be taught by hand
//   flows/words/    two spoken words
//   node scripts/sounds.mjs
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { spokenWord } from './spoken-words.mjs';

const flows = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'flows');
const sampleRate = 16_000;
/** Quiet before and after the sound, in seconds: what a microphone would hear, and how a sound's end is known. */
const before = 0.35;
const after = 0.45;

/** Numbers from 0 to 1 that look random and are the same for the same seed. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const noise = (random) => random() * 2 - 1;

/** A resonance: what a struck or blown body does to whatever excites it. */
function resonator(hertz, seconds) {
  const radius = Math.exp(-1 / (seconds * sampleRate));
  const turn = 2 * radius * Math.cos((2 * Math.PI * hertz) / sampleRate);
  let last = 0;
  let beforeLast = 0;
  return (input) => {
    const output = input + turn * last - radius * radius * beforeLast;
    beforeLast = last;
    last = output;
    return output;
  };
}

/** Fills `seconds` of samples with `sample(time, index)`. */
function render(seconds, sample) {
  return Float32Array.from({ length: Math.round(seconds * sampleRate) }, (_, i) => sample(i / sampleRate, i));
}

/** Each sound takes its own variation: `speed` of the take and a source of randomness. */
const sounds = {
  doorbell({ speed }) {
    const strike = (time, start, hertz) => {
      const t = (time - start) * speed;
      if (t < 0) return 0;
      const attack = Math.min(1, t / 0.004);
      const partials = [1, 2.01, 2.99, 4.17];
      return partials.reduce(
        (sum, ratio, n) =>
          sum +
          (attack * Math.sin(2 * Math.PI * hertz * speed * ratio * t) * Math.exp(-t * (3 + 2.5 * n))) /
            (n * 1.6 + 1),
        0,
      );
    };
    return render(1.25, (time) => strike(time, 0, 659) + 0.95 * strike(time, 0.42 / speed, 523));
  },

  kettle({ speed, random }) {
    const breath = resonator(2350 * speed, 0.004);
    let phase = 0;
    return render(1.35, (time) => {
      const rise = 1 - Math.exp(-time * 3.2);
      const hertz = (1750 + 620 * rise + 14 * Math.sin(2 * Math.PI * 6.3 * time)) * speed;
      phase += (2 * Math.PI * hertz) / sampleRate;
      const swell = Math.min(1, time / 0.25) * Math.min(1, (1.35 - time) / 0.12);
      return swell * (0.6 * Math.sin(phase) + 0.2 * Math.sin(2 * phase) + 0.035 * breath(noise(random)));
    });
  },

  knock({ speed, random }) {
    const strikes = [0, 0.19 / speed, 0.38 / speed].map((start) => ({ start, force: 0.8 + 0.4 * random() }));
    const wood = [
      [165, 0.02, 1],
      [410, 0.011, 0.6],
      [930, 0.005, 0.35],
    ].map(([hertz, seconds, gain]) => ({ ring: resonator(hertz * speed, seconds), gain }));
    return render(0.75, (time) => {
      const strike = strikes.find(({ start }) => time >= start && time < start + 0.003);
      const push = strike ? strike.force * noise(random) : 0;
      return wood.reduce((sum, { ring, gain }) => sum + gain * ring(push), 0);
    });
  },

  phone({ speed, random }) {
    const bells = [1180, 1490].map((hertz) => [
      resonator(hertz * speed, 0.05),
      resonator(hertz * 2.42 * speed, 0.03),
    ]);
    let next = 0;
    let bell = 0;
    return render(1.4, (time) => {
      const ringing = time < 0.55 || (time > 0.72 && time < 1.2);
      let strike = 0;
      if (ringing && time >= next) {
        strike = 0.9 + 0.2 * random();
        bell = 1 - bell;
        next = time + 1 / (26 * speed);
      }
      return bells.reduce(
        (sum, [body, rim], n) => sum + body(n === bell ? strike : 0) + 0.5 * rim(n === bell ? strike : 0),
        0,
      );
    });
  },

  creak({ speed, random }) {
    const wood = [
      [340, 0.006],
      [780, 0.005],
      [1320, 0.004],
      [2550, 0.002],
    ].map(([hertz, seconds]) => resonator(hertz * speed, seconds));
    let next = 0;
    return render(1.3, (time) => {
      let slip = 0;
      if (time >= next) {
        const rate = (42 + 70 * Math.sin((Math.PI * time) / 1.3) ** 2) * speed;
        next = time + (0.85 + 0.3 * random()) / rate;
        slip = 0.7 + 0.6 * random();
      }
      const swell = Math.sin((Math.PI * Math.min(time, 1.3)) / 1.3);
      return swell * wood.reduce((sum, ring, n) => sum + ring(slip) / (n * 0.5 + 1), 0);
    });
  },

  drip({ speed, random }) {
    const drops = [0, 0.24, 0.47].map((start) => ({
      start: start / speed,
      hertz: (900 + 160 * random()) * speed,
      size: 0.7 + 0.5 * random(),
    }));
    return render(0.8, (time) =>
      drops.reduce((sum, { start, hertz, size }) => {
        const t = time - start;
        if (t < 0) return sum;
        const phase = 2 * Math.PI * (hertz * t + hertz * 5.5 * t * t);
        return sum + size * Math.min(1, t / 0.002) * Math.exp(-t * 34) * Math.sin(phase);
      }, 0),
    );
  },

  // The low tone of newer alarms, which wakes sleepers better: three beeps of 520 Hz, as square as a small horn makes them.
  'smoke-alarm'({ speed }) {
    const horn = resonator(1560 * speed, 0.0012);
    return render(1.3, (time) => {
      const t = time % 0.46;
      const beep = t < 0.36 ? Math.min(1, t / 0.006, (0.36 - t) / 0.01) : 0;
      return beep * horn(Math.sign(Math.sin(2 * Math.PI * 520 * speed * time)));
    });
  },

  hello: (take) => spokenWord('hello', take, sampleRate),
  goodbye: (take) => spokenWord('goodbye', take, sampleRate),
};

/** The hearings by folder, in the order in which they are played: what was heard once soon comes again. */
const folders = {
  sounds: [
    ['doorbell', 1],
    ['kettle', 1],
    ['doorbell', 2],
    ['knock', 1],
    ['kettle', 2],
    ['phone', 1],
    ['knock', 2],
    ['creak', 1],
    ['phone', 2],
    ['drip', 1],
    ['creak', 2],
    ['drip', 2],
  ],
  lesson: [
    ['smoke-alarm', 1],
    ['smoke-alarm', 2],
  ],
  words: [
    ['hello', 1],
    ['goodbye', 1],
    ['hello', 2],
    ['goodbye', 2],
  ],
};

const hearings = {
  1: { speed: 1, peak: 0.5, noiseLevel: 0.0008, roomSeconds: 0 },
  2: { speed: 1.02, peak: 0.32, noiseLevel: 0.0016, roomSeconds: 0.12 },
};

/** A small room: early reflections and a short tail after the sound itself. */
function inRoom(dry, seconds, random) {
  if (seconds === 0) return dry;
  const tail = render(seconds * 2, (time) => noise(random) * Math.exp((-6.9 * time) / seconds) * 0.03);
  tail[0] = 1;
  tail[Math.round(0.011 * sampleRate)] += 0.28;
  tail[Math.round(0.019 * sampleRate)] -= 0.17;
  const wet = new Float32Array(dry.length + tail.length);
  for (let i = 0; i < dry.length; i++) {
    if (dry[i] === 0) continue;
    for (let j = 0; j < tail.length; j++) wet[i + j] += dry[i] * tail[j];
  }
  return wet;
}

function hearing(name, take, seed) {
  const { speed, peak, noiseLevel, roomSeconds } = hearings[take];
  const random = randomNumbers(seed);
  const sound = inRoom(sounds[name]({ speed, random }), roomSeconds, random);
  const loudest = sound.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const start = Math.round(before * sampleRate);
  const samples = new Float32Array(start + sound.length + Math.round(after * sampleRate));
  const fade = 0.03 * sampleRate;
  sound.forEach((sample, i) => {
    samples[start + i] = (sample / loudest) * peak * Math.min(1, (sound.length - i) / fade);
  });
  return samples.map((sample) => sample + noise(random) * noiseLevel);
}

function wav(samples) {
  const file = Buffer.alloc(44 + samples.length * 2);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(36 + samples.length * 2, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(sampleRate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, i) => {
    file.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), 44 + i * 2);
  });
  return file;
}

for (const [folder, order] of Object.entries(folders)) {
  mkdirSync(path.join(flows, folder), { recursive: true });
  for (const [index, [name, take]] of order.entries()) {
    const file = path.join(flows, folder, `${String(index + 1).padStart(2, '0')}-${name}.wav`);
    writeFileSync(file, wav(hearing(name, take, 1000 + index)));
  }
  console.log(`${order.length} sounds in ${path.relative(process.cwd(), path.join(flows, folder))}`);
}
