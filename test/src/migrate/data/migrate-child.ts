/** Migrates a generated installation, or what v1 has written since, until it is done or killed; prints `ready`, and `done` then. */
import { join } from 'node:path';
import {
  addLateRows,
  ARCHIVE_NAME,
  migrateData,
  STORE_NAME,
} from '../../../../src/migrate/data/index.js';
import { generated, NOW_MS, slowEmbedder } from './generated.js';

const [, , what, work = '', count = '0', seed = '0', delayMs = '0'] = process.argv;
const readings = generated(Number(count), Number(seed));
const options = { readings, work, embedder: slowEmbedder(Number(delayMs)), nowMs: NOW_MS };
process.stdout.write('ready\n');
const [store, archive] = [join(work, STORE_NAME), join(work, ARCHIVE_NAME)];
await (what === 'late' ? addLateRows({ ...options, store, archive }) : migrateData(options));
process.stdout.write('done\n');
