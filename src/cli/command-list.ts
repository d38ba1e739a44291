import type { Command } from './command.ts';

interface ListedCommand {
  name: string;
  summary: string;
  /** Loaded only when it is called: `earmark --help` must not load a database. */
  load(): Promise<Command>;
}

export const commandList: readonly ListedCommand[] = [
  {
    name: 'ingest',
    summary: 'Store sounds from files and folders in the memory',
    load: async () => (await import('./ingest.ts')).ingest,
  },
  {
    name: 'similar',
    summary: 'Find what in the memory sounds like a file',
    load: async () => (await import('./similar.ts')).similar,
  },
  {
    name: 'query',
    summary: 'Find patterns by label, source, time, frequency and other criteria',
    load: async () => (await import('./query.ts')).query,
  },
  {
    name: 'listen',
    summary: 'Listen to a microphone and say what is recognised',
    load: async () => (await import('./listen.ts')).listen,
  },
  {
    name: 'embed',
    summary: 'Print the feature vectors of files',
    load: async () => (await import('./embed.ts')).embed,
  },
  {
    name: 'evaluate',
    summary: 'Measure how well the encoder works on your own labelled sounds',
    load: async () => (await import('./evaluate.ts')).evaluate,
  },
  {
    name: 'serve',
    summary: 'Run the bridge, the Python server that computes feature vectors',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'devices',
    summary: 'List the microphones',
    load: async () => (await import('./devices.ts')).devices,
  },
  {
    name: 'doctor',
    summary: 'Check this machine and say how to fix what is wrong',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'export',
    summary: 'Write the memory as JSON Lines',
    load: async () => (await import('./export.ts')).exportMemory,
  },
  {
    name: 'import',
    summary: 'Add patterns from JSON Lines to the memory',
    load: async () => (await import('./import.ts')).importMemory,
  },
  {
    name: 'backup',
    summary: 'Copy the memory while it is in use',
    load: async () => (await import('./backup.ts')).backup,
  },
  {
    name: 'verify',
    summary: 'Check every record of the memory',
    load: async () => (await import('./verify.ts')).verify,
  },
  {
    name: 'completion',
    summary: 'Print the completion script for bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completion,
  },
];
