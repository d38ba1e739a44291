// Two spoken words for `sounds.mjs`, computed as a vocal tract makes them: pulses of the vocal cords and breath, through
// four resonances that glide from one sound of the word to the next (formant synthesis; D. H. Klatt, "Software for a
// cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67, 1980).

/** Centre frequencies of the first three resonances in hertz; a fourth one stays at 3,500 Hz. */
const mouth = {
  eh: [560, 1840, 2480],
  l: [370, 1050, 2750],
  oh: [500, 880, 2400],
  oo: [330, 850, 2300],
  ah: [740, 1180, 2500],
  ee: [290, 2250, 2950],
  lips: [200, 800, 2200],
};
const bandwidths = [70, 90, 130, 220];

/** How a word goes: at `at` seconds the mouth stands so, with so much voice and breath. */
const words = {
  hello: [
    { at: 0, shape: mouth.eh, voice: 0, breath: 0 },
    { at: 0.05, shape: mouth.eh, voice: 0, breath: 0.3 },
    { at: 0.1, shape: mouth.eh, voice: 0.8, breath: 0.05 },
    { at: 0.2, shape: mouth.eh, voice: 0.9, breath: 0.01 },
    { at: 0.27, shape: mouth.l, voice: 0.55, breath: 0 },
    { at: 0.32, shape: mouth.l, voice: 0.6, breath: 0 },
    { at: 0.42, shape: mouth.oh, voice: 1, breath: 0.01 },
    { at: 0.6, shape: mouth.oo, voice: 0.7, breath: 0.01 },
    { at: 0.72, shape: mouth.oo, voice: 0, breath: 0 },
  ],
  goodbye: [
    { at: 0, shape: mouth.lips, voice: 0, breath: 0 },
    { at: 0.04, shape: [250, 1900, 2300], voice: 0.15, breath: 0.25 },
    { at: 0.09, shape: [420, 1150, 2300], voice: 0.8, breath: 0.02 },
    { at: 0.17, shape: [420, 1150, 2350], voice: 0.8, breath: 0.01 },
    { at: 0.22, shape: [260, 1650, 2600], voice: 0.12, breath: 0 },
    { at: 0.28, shape: mouth.lips, voice: 0.12, breath: 0 },
    { at: 0.31, shape: mouth.lips, voice: 0.15, breath: 0.2 },
    { at: 0.38, shape: mouth.ah, voice: 1, breath: 0.02 },
    { at: 0.52, shape: mouth.ah, voice: 1, breath: 0.01 },
    { at: 0.72, shape: mouth.ee, voice: 0.7, breath: 0.01 },
    { at: 0.82, shape: mouth.ee, voice: 0, breath: 0 },
  ],
};

/** One resonance whose frequency may change with each sample. */
function formant(bandwidth, sampleRate) {
  const shrink = Math.exp((-Math.PI * bandwidth) / sampleRate);
  let last = 0;
  let beforeLast = 0;
  return (input, hertz) => {
    const turn = 2 * shrink * Math.cos((2 * Math.PI * hertz) / sampleRate);
    const output = (1 - turn + shrink * shrink) * input + turn * last - shrink * shrink * beforeLast;
    beforeLast = last;
    last = output;
    return output;
  };
}

const between = (from, to, share) => from + (to - from) * share;

/** The word as one take of it: `speed` of speaking, which moves the pitch too, and a source of randomness. */
export function spokenWord(name, { speed, random }, sampleRate) {
  const path = words[name];
  const seconds = path.at(-1).at / speed;
  const tract = bandwidths.map((bandwidth) => formant(bandwidth, sampleRate));
  let phase = 0;
  let lastPulse = 0;
  return Float32Array.from({ length: Math.round(seconds * sampleRate) }, (_, i) => {
    const time = (i / sampleRate) * speed;
    const next = Math.max(
      1,
      path.findIndex(({ at }) => at > time),
    );
    const [from, to] = [path[next - 1], path[next]];
    const share = (time - from.at) / (to.at - from.at);
    const shape = from.shape.map((hertz, n) => between(hertz, to.shape[n], share));
    // The voice falls towards the end and trembles a little, as voices do.
    const hertz = (132 - 38 * (time / path.at(-1).at)) * speed ** 3 * (1 + 0.02 * (random() - 0.5));
    phase = (phase + hertz / sampleRate) % 1;
    // The cords open slowly and close at once; the lips pass on how the flow changes.
    const flow = phase < 0.6 ? Math.sin((Math.PI * phase) / 1.2) ** 2 : Math.max(0, 1 - (phase - 0.6) / 0.12);
    const pulse = flow - lastPulse;
    lastPulse = flow;
    const source =
      between(from.voice, to.voice, share) * pulse * 8 +
      between(from.breath, to.breath, share) * (random() * 2 - 1);
    return tract.reduce((sound, resonance, n) => resonance(sound, shape[n] ?? 3500), source);
  });
}
