import { createFeatureStorage } from '../../src/storage/index.ts';
import { conformance } from './conformance/conformance.ts';

conformance('the storage on LMDB and usearch', createFeatureStorage);
