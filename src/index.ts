/**
 * Everything of Earmark that can be used without Node-RED. The parts can also be imported one by one:
 * `/audio`, `/bridge`, `/storage`, `/pipelines`.
 */
export * from './audio/index.ts';
export * from './bridge/index.ts';
export { EarmarkError } from './errors.ts';
export * from './health/health-monitor.ts';
export type * from './pattern.ts';
export * from './pipelines/index.ts';
// Both name what they take of these; the storage's own are the whole of it.
export type { NewPattern, SimilarPattern } from './storage/index.ts';
export * from './storage/index.ts';
