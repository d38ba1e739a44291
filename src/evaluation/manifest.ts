import { EvaluationError } from './evaluation-error.ts';

export interface ManifestEntry {
  /** As it stands in the manifest: relative to the manifest's folder, or absolute. */
  file: string;
  label: string;
  /** Absent where the manifest has no such column or an empty cell. */
  group?: string;
}

/**
 * Reads a manifest: comma-separated, the first line names the columns, `file` and `label` are needed,
 * `group` is used where it exists, others are left alone.
 *
 * @throws {EvaluationError} `MANIFEST` with the line at fault.
 */
export function parseManifest(text: string): ManifestEntry[] {
  const [header, ...rows] = parseCsv(text.replace(/^\ufeff/, ''));
  const columns = header?.cells.map((name) => name.trim()) ?? [];
  for (const needed of ['file', 'label']) {
    if (!columns.includes(needed)) {
      throw new EvaluationError(
        'MANIFEST',
        `The manifest's first line has no column "${needed}". It must name at least: file,label`,
      );
    }
  }
  const [file, label, group] = ['file', 'label', 'group'].map((name) => columns.indexOf(name)) as [
    number,
    number,
    number,
  ];
  return rows.map(({ line, cells }) => {
    const entry = { file: cells[file]?.trim(), label: cells[label]?.trim(), group: cells[group]?.trim() };
    if (!entry.file || !entry.label) {
      throw new EvaluationError(
        'MANIFEST',
        `Line ${line} of the manifest has no ${entry.file ? 'label' : 'file'}.`,
      );
    }
    return { file: entry.file, label: entry.label, ...(entry.group ? { group: entry.group } : {}) };
  });
}

/** RFC 4180: quoted cells may hold commas, line ends and doubled quotes. Empty lines are left out. */
function parseCsv(text: string): { line: number; cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/gy;
  let cells: string[] = [];
  let line = 1;
  let rowLine = 1;
  while (cell.lastIndex < text.length || cells.length > 0) {
    const match = cell.exec(text);
    if (match === null)
      throw new EvaluationError('MANIFEST', `Line ${line} of the manifest has a stray quote.`);
    const [whole, quoted, plain, end] = match;
    cells.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0;
    if (end === ',') continue;
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: rowLine, cells });
    cells = [];
    rowLine = line;
  }
  return rows;
}
