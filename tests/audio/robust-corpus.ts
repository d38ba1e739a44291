import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `shared/audio/robust` beside the project; absent on most machines. */
export const robustFolder = fileURLToPath(new URL('../../../shared/audio/robust/', import.meta.url));
export const robustPresent = existsSync(robustFolder);

export interface RobustFile {
  file: string;
  expect: 'decode' | 'reject' | 'empty' | 'either';
  /** At the file's own rate. */
  samples: number;
}

/** The manifest: odd and malformed files, and what each must do. */
export function robustFiles(): RobustFile[] {
  const [, ...rows] = readFileSync(`${robustFolder}manifest.csv`, 'utf8').trim().split(/\r?\n/);
  return rows.map((row) => {
    const [, file, expected, samples] = /^([^,]*),([^,]*),.*,(\d+)$/.exec(row)!;
    return { file: file!, expect: expected as RobustFile['expect'], samples: Number(samples) };
  });
}

/** The file's own sample rate, as ffprobe, a reader other than ours, sees it. */
export function probedSampleRate(path: string): number {
  const args = [
    '-v',
    'error',
    '-select_streams',
    'a:0',
    '-show_entries',
    'stream=sample_rate',
    '-of',
    'csv=p=0',
  ];
  return Number.parseInt(execFileSync('ffprobe', [...args, path], { encoding: 'utf8' }), 10);
}
