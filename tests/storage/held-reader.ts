// Reads a record of the memory in argv[2] and does not let go of what it read until it is killed.
import { writeSync } from 'node:fs';
import { FeatureVectorDatabase } from '../../src/storage/feature-vector-database.ts';

const database = new FeatureVectorDatabase(process.argv[2]!, { readOnly: true });
database.record(0);
writeSync(1, 'reading\n');
// LMDB's snapshot is given back in the next turn of the event loop, which never comes.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
