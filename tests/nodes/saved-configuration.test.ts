import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrations as capture } from '../../nodes/earmark-capture/migrations.ts';
import { migrations as query } from '../../nodes/earmark-query/migrations.ts';
import { migrations as similar } from '../../nodes/earmark-similar/migrations.ts';
import { migrations as store } from '../../nodes/earmark-store-pattern/migrations.ts';
import { migrations as extract } from '../../nodes/earmark-wav2vec2-extract/migrations.ts';
import { added, type Migration, migrate } from '../../nodes/saved-configuration.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const tests = path.join(root, 'tests');

describe('a saved configuration', () => {
  const steps: Migration[] = [
    added({ seconds: '1' }),
    ({ seconds, ...saved }) => ({ ...saved, milliseconds: String(Number(seconds) * 1000) }),
  ];

  it('goes through the migrations that it has not been through yet', () => {
    expect(migrate({ name: 'a' }, steps)).toEqual({ name: 'a', milliseconds: '1000', version: 2 });
    expect(migrate({ name: 'a', seconds: undefined, version: undefined }, steps)).toEqual({
      name: 'a',
      milliseconds: '1000',
      version: 2,
    });
    expect(migrate({ seconds: '3' }, steps)).toEqual({ milliseconds: '3000', version: 2 });
    expect(migrate({ version: 1, seconds: '5' }, steps)).toEqual({ milliseconds: '5000', version: 2 });
  });

  it('stays as it is when it is of this version or a newer one, and where there are no migrations', () => {
    for (const saved of [
      { version: 2, milliseconds: '7' },
      { version: 9, hours: '1' },
    ]) {
      expect(migrate(saved, steps)).toBe(saved);
    }
    const saved = { name: 'a' };
    expect(migrate(saved, [])).toBe(saved);
  });

  it('is taken for the oldest when its version is nonsense, and never changed in place', () => {
    for (const version of ['1', -1, 0.5, null]) {
      const saved = Object.freeze({ version, seconds: '2' });
      expect(migrate(saved, steps)).toEqual({ milliseconds: '2000', version: 2 });
    }
  });

  it('of the first sample flow gets what later versions added, and loses nothing', () => {
    const flow = JSON.parse(readFileSync(path.join(tests, 'editor', 'first-sample-flow.json'), 'utf8')) as ({
      type: string;
    } & Record<string, unknown>)[];
    const old = (type: string) => flow.find((node) => node.type === type)!;
    const kept = expect.objectContaining(old('earmark-capture'));
    expect(migrate(old('earmark-capture'), capture)).toEqual(kept);
    expect(migrate(old('earmark-capture'), capture)).toMatchObject({
      protocol: 'tcp',
      sampleRate: '16000',
      deviceType: 'str',
    });
    expect(migrate(old('earmark-similar'), similar)).toEqual({
      ...old('earmark-similar'),
      confirmations: '1',
      holdBackSeconds: '0',
      thresholdType: 'num',
      version: 2,
    });
    const typed = {
      'earmark-wav2vec2-extract': [extract, { modelType: 'str' }],
      'earmark-store-pattern': [store, { kindType: 'str', tagsType: 'str' }],
    } as const;
    for (const [type, [migrations, types]] of Object.entries(typed)) {
      expect(migrate(old(type), migrations)).toEqual({ ...old(type), ...types, version: 1 });
    }
  });

  it('keeps what was entered, as what it was, and what a newer one says', () => {
    expect(migrate({ lastHours: '24' }, query)).toEqual({
      lastHours: '24',
      lastHoursType: 'num',
      version: 1,
    });
    expect(migrate({ version: 1, threshold: '0.8' }, similar)).toEqual({
      threshold: '0.8',
      thresholdType: 'num',
      version: 2,
    });
    const newer = { version: 1, kind: 'kind', kindType: 'msg', tags: '', tagsType: 'flow' };
    expect(migrate(newer, store)).toBe(newer);
  });

  it('is written with the number of migrations that there are', () => {
    for (const [type, { length }] of Object.entries({
      'earmark-capture': capture,
      'earmark-query': query,
      'earmark-similar': similar,
      'earmark-store-pattern': store,
      'earmark-wav2vec2-extract': extract,
    })) {
      const editor = readFileSync(path.join(root, 'nodes', type, `${type}.editor.ts`), 'utf8');
      expect(editor, type).toContain(`version: { value: ${length} },`);
    }
  });
});
