import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type Command, closest, defineCommand, parseCommandLine } from '../../src/cli/command.ts';
import { commandList } from '../../src/cli/command-list.ts';
import { commandHelp, generalHelp } from '../../src/cli/help.ts';
import { levelBar } from '../../src/cli/level-meter.ts';
import { nodeTooOld } from '../../src/cli/node-version.ts';
import { renderProgress } from '../../src/cli/progress-bar.ts';
import { table } from '../../src/cli/table.ts';
import { printable, Terminal } from '../../src/cli/terminal.ts';
import { count, showBytes, showDuration, showTime } from '../../src/cli/units.ts';
import { earmark, earmarkScript, finish, startEarmark } from './run-earmark.ts';

const root = path.join(import.meta.dirname, '..', '..');
const commands = await Promise.all(commandList.map(({ load }) => load()));

const example = defineCommand({
  name: 'example',
  about: 'For these tests.',
  operands: { name: 'FILE', min: 1, max: 2 },
  options: {
    memory: { kind: 'text', placeholder: 'PATH', description: 'Where.' },
    cut: { kind: 'text', placeholder: 'HOW', choices: ['a', 'b'], default: 'a', description: 'How.' },
    tag: { kind: 'list', placeholder: 'TAG', maxBytes: 9, description: 'Tags.' },
    limit: { kind: 'integer', placeholder: 'N', min: 1, max: 50, default: 10, description: 'How many.' },
    threshold: { kind: 'number', placeholder: 'X', min: -1, max: 1, description: 'From where.' },
    json: { kind: 'flag', description: 'JSON.' },
  },
  examples: [],
  async run() {
    return 0;
  },
});

describe('options and operands', () => {
  it('are read with their types and defaults', () => {
    expect(parseCommandLine(example, ['a.wav'])).toEqual({
      operands: ['a.wav'],
      options: { memory: undefined, cut: 'a', tag: [], limit: 10, threshold: undefined, json: false },
    });
    expect(
      parseCommandLine(example, [
        '--memory',
        'm',
        'a',
        '--cut=b',
        '--tag',
        'x',
        '--tag=y',
        '--limit',
        '3',
        '--json',
        '--threshold=-0.5',
      ]),
    ).toEqual({
      operands: ['a'],
      options: { memory: 'm', cut: 'b', tag: ['x', 'y'], limit: 3, threshold: -0.5, json: true },
    });
    expect(parseCommandLine(example, ['--', '--json'])).toMatchObject({ operands: ['--json'] });
    expect(parseCommandLine(example, ['--bad', '--help'])).toBe('help');
  });

  it.each([
    [[], 'FILE is missing'],
    [['a', 'b', 'c'], 'takes at most 2, but got 3'],
    [['a', ''], 'FILE must not be empty'],
    [['a', '--limt', '3'], 'there is no option --limt; did you mean --limit?'],
    [['a', '--entirely-else'], 'there is no option --entirely-else'],
    [['a', '--__proto__', 'x'], 'there is no option --__proto__'],
    [['a', '--constructor'], 'there is no option --constructor'],
    [['a', '-x'], 'there is no option -x'],
    [['a', '--limit'], '--limit needs a value: --limit N'],
    [['a', '--memory', '--json'], '--memory needs a value: --memory PATH'],
    [['a', '--memory', ''], '--memory must not be empty'],
    [['a', '--tag', 'x', '--tag', ''], '--tag must not be empty'],
    [['a', '--tag', 'ü'.repeat(5)], '--tag must have at most 9 bytes'],
    [['-hum.wav'], 'there is no option -u'],
    [['a', '--json=yes'], '--json takes no value'],
    [['a', '--limit', '0'], '--limit must be a whole number from 1 to 50, not "0"'],
    [['a', '--limit', '2.5'], '--limit must be a whole number from 1 to 50, not "2.5"'],
    [['a', '--limit', 'NaN'], '--limit must be a whole number from 1 to 50, not "NaN"'],
    [['a', '--limit', ''], '--limit must be a whole number from 1 to 50, not ""'],
    [['a', '--threshold', 'Infinity'], '--threshold must be a number from -1 to 1, not "Infinity"'],
    [['a', '--cut', 'c'], '--cut must be one of a, b, not "c"'],
  ])('%j are refused with what was expected', (args, message) => {
    expect(() => parseCommandLine(example, args)).toThrow(message);
  });

  it('a negative number may follow its option', () => {
    expect(parseCommandLine(example, ['a', '--threshold', '-0.5'])).toMatchObject({
      options: { threshold: -0.5 },
    });
  });

  it('listening ends before a timer runs over', async () => {
    const listen = (await commandList.find(({ name }) => name === 'listen')!.load()) as Command;
    expect(parseCommandLine(listen, ['--seconds', '2000000.0005'])).toMatchObject({
      options: { seconds: 2e6 + 0.0005 },
    });
    expect(() => parseCommandLine(listen, ['--seconds', '2600000'])).toThrow('from 0.1 to 2147483');
  });

  it('the nearest word is meant only when it is near', () => {
    expect(closest('evalaute', ['embed', 'evaluate'])).toBe('evaluate');
    expect(closest('xyz', ['embed', 'evaluate'])).toBeUndefined();
  });
});

describe('every command', () => {
  it.each(commands.map((command) => [command.name, command] as const))('%s explains itself', (_, command) => {
    const help = commandHelp(command);
    expect(help).toMatch(new RegExp(`^Usage: earmark ${command.name}`));
    for (const name of Object.keys(command.options)) expect(help).toContain(`--${name}`);
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    expect(command.examples.length).toBeGreaterThan(0);
  });

  it.each(commands.map((command) => [command.name, command] as const))(
    '%s: its examples are valid',
    (_, command) => {
      for (const { line } of command.examples) {
        // What a shell would hand over: assignments, pipes and redirections are not the command's own.
        const words = line
          .split(/[|>)]/)
          .find((part) => part.includes('earmark '))!
          .trim()
          .split(/\s+/);
        const args = words.slice(words.findIndex((word) => word.endsWith('earmark')) + 1);
        const named = commands.find(({ name }) => name === args[0]);
        expect(() => parseCommandLine(named as Command, args.slice(1)), line).not.toThrow();
      }
    },
  );

  it('offers --json where it answers something', () => {
    const without = commands.filter(({ options }) => !('json' in options)).map(({ name }) => name);
    expect(without.sort()).toEqual(['completion']);
  });

  it('stands in docs/cli.md with all its options', () => {
    const sections = readFileSync(path.join(root, 'docs', 'cli.md'), 'utf8').split(/^## /m);
    for (const command of commands) {
      const section = sections.find((text) => text.startsWith(`earmark ${command.name}`));
      expect(section, command.name).toBeDefined();
      for (const name of Object.keys(command.options)) expect(section, command.name).toContain(`--${name}`);
    }
  });
});

describe('the process', () => {
  it('prints help and version on standard output', async () => {
    const help = await earmark(['--help']);
    expect(help).toEqual({ status: 0, stdout: `${generalHelp()}\n`, stderr: '' });
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(await earmark(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
    expect((await earmark(['help', 'query'])).stdout).toContain('Usage: earmark query');
    expect((await earmark(['query', '--help'])).stdout).toContain('Usage: earmark query');
  });

  it('ends with 2 and one line where the command line is wrong', async () => {
    expect(await earmark(['quary'])).toEqual({
      status: 2,
      stdout: '',
      stderr: 'earmark: there is no command "quary". Did you mean: earmark query\n',
    });
    expect(await earmark(['query', '--limit', 'many'])).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'earmark query: --limit must be a whole number of at least 1, not "many". See: earmark query --help\n',
    });
    expect((await earmark([])).status).toBe(2);
    expect((await earmark(['query', '--from', '3', '--to', '1'])).stderr).toContain(
      '--from must not be over --to',
    );
    for (const time of ['yesterdayish', '5.11.2026', '2026-02-30', '2026-02-30T08:00', '2026-11-23T25:00'])
      expect((await earmark(['query', '--since', time])).status, time).toBe(2);
    expect((await earmark(['embed', 'a.wav', '--bridge', 'ftp://x'])).status).toBe(2);
  });

  it('says which Node it needs, as package.json does', () => {
    const { engines } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    expect(nodeTooOld('20.20.2')).toContain('20.20.2 is too old. Install Node.js 22.9 or newer');
    expect(nodeTooOld('22.8.0')).toContain(engines.node.replace('>=', ''));
    for (const version of ['22.9.0', '22.10.1', '24.0.0', process.versions.node])
      expect(nodeTooOld(version)).toBeUndefined();
  });

  it('ends with 1 and the fix where there is no memory', async () => {
    const empty = mkdtempSync(path.join(os.tmpdir(), 'earmark-cli-'));
    for (const folder of [empty, path.join(empty, 'none')]) {
      const { status, stderr } = await earmark(['query', '--memory', folder]);
      expect(status).toBe(1);
      expect(stderr).toBe(
        `earmark query: There is no memory at ${folder}. Fill one with earmark ingest, or name it with --memory.\n`,
      );
    }
  });

  it('ends quietly when the reader of its output has gone', async () => {
    const child = startEarmark(['completion', 'bash']);
    child.stdout.destroy();
    const { status, stderr } = await finish(child);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.skipIf(!existsSync('/dev/full'))('fails where its output finds no room', () => {
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, earmarkScript, 'completion', 'bash'],
      { encoding: 'utf8', env: { ...process.env, NODE_NO_WARNINGS: '1' } },
    );
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'earmark completion: ENOSPC: no space left on device, write\n',
    });
  });

  it('writes no colour into a pipe', async () => {
    const { stdout, stderr } = await earmark(['doctor', '--bridge', 'http://127.0.0.1:9'], {
      environment: { FORCE_COLOR: '1' },
    });
    expect(stdout).toContain('Node');
    expect(stdout + stderr).not.toContain('\u001b');
  });
});

describe('what is shown', () => {
  it('a bar fits its line at every width', () => {
    const progress = { done: 30, total: 100, text: '3 of 10 files · 31 × real time' };
    for (let width = 1; width < 130; width += 1)
      expect(renderProgress(progress, 12, width).length).toBeLessThanOrEqual(width);
    expect(renderProgress(progress, 12, 100)).toBe(
      '███████░░░░░░░░░░░░░░░░░  30 % · 3 of 10 files · 31 × real time · 28 s left',
    );
    expect(renderProgress({ ...progress, total: 0 }, 1, 80)).toContain('0 %');
    expect(renderProgress({ ...progress, done: 200 }, 1, 80)).toContain('100 %');
  });

  it('a level is empty at -60 dB and full at 0', () => {
    expect(levelBar(-120, 10)).toBe(' '.repeat(10));
    expect(levelBar(-60, 10)).toBe(' '.repeat(10));
    expect(levelBar(-30, 10)).toBe(`█████${' '.repeat(5)}`);
    expect(levelBar(0, 10)).toBe('█'.repeat(10));
    expect(levelBar(6, 10)).toBe('█'.repeat(10));
  });

  it('times, durations, bytes and counts', () => {
    expect([0, 7.25, 59.999, 3723.5].map(showTime)).toEqual(['0:00.00', '0:07.25', '1:00.00', '1:02:03.50']);
    expect([0.4, 59.6, 127, 11_100].map(showDuration)).toEqual([
      '0 s',
      '1 min 00 s',
      '2 min 07 s',
      '3 h 05 min',
    ]);
    expect([0, 999, 1400, 2.5e9].map(showBytes)).toEqual(['0 B', '999 B', '1.4 kB', '2.5 GB']);
    expect([count(1, 'file'), count(1204, 'file'), count(2, 'copy', 'copies')]).toEqual([
      '1 file',
      '1,204 files',
      '2 copies',
    ]);
  });

  it('a table lines up, numbers to the right', () => {
    expect(
      table(
        ['n', 'name'],
        [
          ['1', 'a'],
          ['12', 'long name'],
        ],
      ),
    ).toEqual([' n  name', ' 1  a', '12  long name']);
  });

  it('a table lines up in every script', () => {
    const names = ['門铃', 'ドアベル', '초인종', 'Tür'.normalize('NFD'), '🔔'];
    expect(
      table(
        ['name', 'n'],
        names.map((name) => [name, '1']),
      ),
    ).toEqual([
      'name      n',
      '門铃      1',
      'ドアベル  1',
      '초인종    1',
      `${'Tür'.normalize('NFD')}       1`,
      '🔔        1',
    ]);
  });

  it('a status fits one row of a narrow terminal', () => {
    const messages = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns: 24 });
    new Terminal(new PassThrough(), messages, {}).status('Loading the encoder earmark-small …');
    expect(messages.read()).toBe('\r\u001b[2KLoading the encoder ear');
  });

  it('names from outside cannot steer the terminal', () => {
    expect(printable('a\u001b[31mb\nc\u202ed\u007fé')).toBe('a\ufffd[31mb\ufffdc\ufffdd\ufffdé');
  });
});
