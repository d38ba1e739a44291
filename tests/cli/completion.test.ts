import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { commandList } from '../../src/cli/command-list.ts';
import { earmark } from './run-earmark.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'earmark-completion-'));

async function script(shell: string): Promise<string> {
  const { status, stdout, stderr } = await earmark(['completion', shell]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const file = path.join(folder, `_earmark.${shell}`);
  writeFileSync(file, stdout);
  return file;
}

function installed(shell: string): boolean {
  return spawnSync(shell, ['--version']).error === undefined;
}

describe.skipIf(!installed('bash'))('bash', () => {
  let file: string;
  beforeAll(async () => {
    file = await script('bash');
  });

  function complete(...words: string[]): string[] {
    const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _earmark; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', program, 'bash', file, ...words], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    return stdout.split('\n').filter((line) => line !== '');
  }

  it('completes commands, options and choices', () => {
    expect(complete('earmark', '').sort()).toEqual(
      [...commandList.map(({ name }) => name), '--help', '--version'].sort(),
    );
    expect(complete('earmark', 'ev')).toEqual(['evaluate']);
    expect(complete('earmark', 'similar', '--th')).toEqual(['--threshold']);
    expect(complete('earmark', 'query', '--sort', '')).toEqual([
      'createdAt',
      'startTime',
      'endTime',
      'confidence',
      'id',
    ]);
    expect(complete('earmark', 'ingest', 'a.wav', '--cut', 'w')).toEqual(['windows', 'whole']);
    expect(complete('earmark', 'completion', 'z')).toEqual(['zsh']);
  });

  it('leaves file names and free values to the shell', () => {
    expect(complete('earmark', 'embed', '')).toEqual([]);
    expect(complete('earmark', 'query', '--label', '-')).toEqual([]);
    expect(complete('earmark', 'query', '--memory', '')).toEqual([]);
  });
});

describe.skipIf(!installed('zsh'))('zsh', () => {
  it('loads, and offers the options with their descriptions', async () => {
    const file = await script('zsh');
    // What zsh would show needs a terminal; what _arguments and _describe are called with does not.
    const program = [
      'compdef() { :; }',
      '_describe() { print -l -- $commands; }',
      '_arguments() { print -l -- "$@"; }',
      'source "$1"',
      'words=(earmark); CURRENT=2; _earmark',
      'words=(earmark similar --t); CURRENT=3; _earmark',
    ].join('\n');
    const { stdout, stderr, status } = spawnSync('zsh', ['-f', '-c', program, 'zsh', file], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('similar:Find what in the memory sounds like a file');
    expect(stdout).toContain('--threshold=[Leave out what is less alike]:SIMILARITY: ');
    expect(stdout).toContain('--cut=[');
    expect(stdout).toContain('*:FILE:_files');
  });
});

describe.skipIf(!installed('fish'))('fish', () => {
  it('completes commands, options and choices', async () => {
    const file = await script('fish');
    const complete = (line: string) => {
      const { stdout, stderr } = spawnSync(
        'fish',
        ['--no-config', '-c', `source ${file}; complete -C ${JSON.stringify(line)}`],
        {
          encoding: 'utf8',
          env: { ...process.env, HOME: folder },
        },
      );
      expect(stderr).toBe('');
      return stdout.split('\n').map((entry) => entry.split('\t')[0]);
    };
    expect(complete('earmark ev')).toContain('evaluate');
    expect(complete('earmark similar --th')).toContain('--threshold');
    expect(complete('earmark query --sort c')).toContain('createdAt');
    expect(complete('earmark completion z')).toContain('zsh');
  });
});
