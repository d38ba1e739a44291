import {
  AudioError,
  type AudioSource,
  LevelMonitor,
  type LevelReport,
  microphoneSource,
  type SourceEvent,
} from '../audio/index.ts';
import { type EmbeddedSound, soundPattern } from '../pipelines/index.ts';
import { longestText } from '../storage/checked-pattern.ts';
import type { SimilarPattern } from '../storage/index.ts';
import { bridgeOptions, openBridge } from './bridge-session.ts';
import { defineCommand } from './command.ts';
import { cutOption } from './cut-audio.ts';
import { embedSource } from './embed-source.ts';
import { exitStatus } from './exit-status.ts';
import { levelBar } from './level-meter.ts';
import { lowest, memoryOption, openMemory } from './memory-session.ts';
import { patternJson, patternName } from './shown-pattern.ts';
import { printable, type Terminal } from './terminal.ts';
import { showDuration } from './units.ts';

/** 24 days: a timer goes no further. */
const longestSeconds = 2_147_483;

export const listen = defineCommand({
  name: 'listen',
  about:
    'Listens to a microphone and prints every sound that rises over the background with what it is most like, until Ctrl+C. With --teach it stores the sounds instead, so that they are recognised later. A microphone that is unplugged is waited for.',
  options: {
    memory: memoryOption,
    ...bridgeOptions,
    device: {
      kind: 'text',
      placeholder: 'NAME',
      description: 'Microphone, as earmark devices names it. Default: the system’s.',
    },
    cut: {
      ...cutOption,
      choices: ['sounds', 'windows'],
      default: 'sounds',
      description:
        'What becomes one vector: each sound that rises over the background, or each of the encoder’s own overlapping windows.',
    },
    threshold: {
      kind: 'number',
      placeholder: 'SIMILARITY',
      min: -1,
      max: 1,
      description: 'Leave out what is less alike. Default: the encoder’s own.',
    },
    limit: {
      kind: 'integer',
      placeholder: 'N',
      min: 1,
      max: 1000,
      default: 1,
      description: 'Matches per sound.',
    },
    teach: {
      kind: 'text',
      placeholder: 'LABEL',
      maxBytes: longestText,
      description: 'Store every sound under this name.',
    },
    seconds: {
      kind: 'number',
      placeholder: 'N',
      min: 0.1,
      max: longestSeconds,
      description: 'End after so many seconds.',
    },
    json: { kind: 'flag', description: 'Print a JSON object per sound and line.' },
  },
  examples: [
    { line: 'earmark listen', says: 'Say what is heard.' },
    {
      line: 'earmark listen --teach doorbell --seconds 20',
      says: 'Ring the bell a few times within 20 seconds.',
    },
    {
      line: "earmark listen --device hw:1 --json | jq '.matches[0].metadata.label'",
      says: 'Labels for a script.',
    },
  ],
  exits: ['0  ended by Ctrl+C or --seconds', '1  failed'],
  async run({ options, terminal, signal }) {
    await using session = await openBridge(options, terminal, signal);
    const { name, revision, dimensions, metric, sampleRate, calibration } = session.model;
    const encoder = { name, revision };
    await using memory = await (options.teach === undefined
      ? openMemory(options.memory, 'read')
      : openMemory(options.memory, 'write', { encoder, dimensions, distanceMetric: metric }));
    const { teach, limit } = options;
    const threshold = options.threshold ?? calibration?.defaultThreshold ?? 0;

    // The end of listening is not the end of the work: what was heard is still embedded and answered.
    const heardEnough =
      options.seconds === undefined
        ? signal
        : AbortSignal.any([signal, AbortSignal.timeout(Math.round(options.seconds * 1000))]);
    const source = metered(
      microphoneSource({
        sampleRate,
        onEvent: (event) => tell(event, terminal),
        ...(options.device === undefined ? {} : { device: options.device }),
      }),
      heardEnough,
      (report) => terminal.status(meterLine(report, terminal.width - 1)),
    );
    const embedding = { session, cut: options.cut, skipSilence: true, signal: terminal.outputClosed };
    for await (const outcome of embedSource(source, { seconds: 0, silentPieces: 0 }, embedding)) {
      if (!outcome.ok) {
        terminal.note(terminal.style('red', printable(outcome.error.message)));
        continue;
      }
      const sound = outcome.value;
      let answer: Answer;
      if (teach === undefined) {
        const found = await memory.findSimilarPatterns(sound.features, {
          similarityThreshold: lowest,
          maxResults: limit,
          encoder,
        });
        answer = {
          threshold,
          nearest: found[0],
          matches: found.filter(({ similarity }) => similarity >= threshold),
        };
      } else {
        const { sourceId } = source.info;
        await memory.storePattern(soundPattern(sound), { sourceId, encoder, label: teach });
        answer = { taught: teach };
      }
      await terminal.print(options.json ? answerJson(sound, answer) : answerLine(terminal, sound, answer));
    }
    return exitStatus.ok;
  },
});

/** What is said of a heard sound. */
type Answer =
  | { taught: string }
  | { threshold: number; matches: SimilarPattern[]; nearest: SimilarPattern | undefined };

/** The same source, which ends where `until` says so instead of failing, and tells its level on the way. */
function metered(source: AudioSource, until: AbortSignal, show: (report: LevelReport) => void): AudioSource {
  const monitor = new LevelMonitor(100);
  return {
    info: source.info,
    async *chunks(signal) {
      try {
        for await (const chunk of source.chunks(
          signal === undefined ? until : AbortSignal.any([signal, until]),
        )) {
          const report = monitor.push(chunk);
          if (report !== undefined) show(report);
          yield chunk;
        }
      } catch (error) {
        if (!(until.aborted && error instanceof AudioError && error.code === 'CANCELLED')) throw error;
      }
    },
  };
}

function tell(event: SourceEvent, terminal: Terminal): void {
  switch (event.type) {
    case 'started':
      terminal.note(`Listening to ${printable(event.sourceId)} by ${event.via}. Ctrl+C ends it.`);
      break;
    case 'lost':
      terminal.note(
        `${terminal.style('yellow', event.error.message)} Trying again in ${(event.retryInMs / 1000).toFixed(1)} s.`,
      );
      break;
    case 'recovered':
      terminal.note(`The microphone is back; ${showDuration(event.lostMs / 1000)} were not heard.`);
      break;
    case 'dropped':
      terminal.note(
        terminal.style(
          'yellow',
          `This machine is too slow: ${Math.round(event.milliseconds)} ms were not heard.`,
        ),
      );
      break;
  }
}

function meterLine({ level, peak, clipped, silentSeconds }: LevelReport, width: number): string {
  const cells = Math.max(8, Math.min(40, width - 40));
  const warning =
    clipped > 0
      ? '  too loud: clipped'
      : silentSeconds >= 3
        ? '  digital silence: is the microphone muted?'
        : '';
  return `${levelBar(level, cells)}  ${level.toFixed(0).padStart(4)} dB, peak ${peak.toFixed(0).padStart(4)} dB${warning}`.slice(
    0,
    width,
  );
}

function answerJson(sound: EmbeddedSound, answer: Answer): string {
  const { startTime, endTime, frequencyRange, level, overBackground, startedAt } = sound;
  return JSON.stringify({
    ...(startedAt === undefined ? {} : { time: new Date(startedAt + startTime * 1000).toISOString() }),
    startTime,
    endTime,
    frequencyRange,
    level,
    overBackground,
    ...('taught' in answer
      ? answer
      : { threshold: answer.threshold, matches: answer.matches.map((match) => patternJson(match)) }),
  });
}

function answerLine(terminal: Terminal, sound: EmbeddedSound, answer: Answer): string {
  const heard = new Date(
    (sound.startedAt ?? Date.now()) + (sound.startedAt === undefined ? 0 : sound.startTime * 1000),
  );
  const length = `${(sound.endTime - sound.startTime).toFixed(1)} s, ${sound.level.toFixed(0)} dB`;
  return `${heard.toTimeString().slice(0, 8)}  ${say(terminal, answer)}  ${terminal.style('dim', length)}`;
}

function say(terminal: Terminal, answer: Answer): string {
  if ('taught' in answer) return terminal.style('green', `learnt as ${printable(answer.taught)}`);
  const named = (match: SimilarPattern) => `${patternName(match)} ${match.similarity.toFixed(2)}`;
  if (answer.matches.length > 0) return terminal.style('green', answer.matches.map(named).join(', '));
  return answer.nearest === undefined ? 'unknown' : `unknown (nearest ${named(answer.nearest)})`;
}
