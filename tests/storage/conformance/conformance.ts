import { describe } from 'vitest';
import { keeping } from './keeping.ts';
import { model } from './model.ts';
import { querying } from './querying.ts';
import { refusing } from './refusing.ts';
import { similarity } from './similarity.ts';
import { storing } from './storing.ts';
import type { StorageFactory } from './subject.ts';
import { watching } from './watching.ts';

/** All that a `FeatureStorage` promises. Another engine passes when this passes with its factory. */
export function conformance(name: string, create: StorageFactory): void {
  describe(name, () => {
    storing(create);
    querying(create);
    similarity(create);
    watching(create);
    keeping(create);
    refusing(create);
    model(create, 8);
  });
}
