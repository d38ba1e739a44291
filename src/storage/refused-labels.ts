import type { PatternMetadata } from '../pattern.ts';

/** What a sound was taught as not being. In a memory of an older version `notLabel` may hold anything. */
export function refusedLabels({ notLabel }: Pick<PatternMetadata, 'notLabel'>): string[] {
  const given: unknown[] = Array.isArray(notLabel) ? notLabel : [notLabel];
  return given.filter((label) => typeof label === 'string');
}
