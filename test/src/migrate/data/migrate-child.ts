/** Migrates a generated installation until it is done or killed; prints `done` then. */
import { migrateData } from '../../../../src/migrate/data/index.js';
import { generated, NOW_MS, slowEmbedder } from './generated.js';

const [, , work = '', count = '0', seed = '0', delayMs = '0'] = process.argv;
const readings = generated(Number(count), Number(seed));
const embedder = slowEmbedder(Number(delayMs));
await migrateData({ readings, work, embedder, nowMs: NOW_MS });
process.stdout.write('done\n');
