/** Migrates the installation in a folder with an embedder that costs nothing; prints what it took. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { discoverInstallation, openReading } from '../../src/v1/index.js';
import { migrateData } from '../../src/migrate/data/index.js';
import { cheapEmbedder } from './cheap-embedder.js';

const [, , directory = '', work = ''] = process.argv;
mkdirSync(work, { recursive: true });
const { stores } = await discoverInstallation(directory, { home: directory, env: {} });
const readings = await Promise.all(stores.map((store) => openReading(store, work)));
const startedMs = performance.now();
const report = await migrateData({ readings, work: join(work, 'data'), embedder: cheapEmbedder() });
const seconds = (performance.now() - startedMs) / 1000;
for (const reading of readings) reading.close();
const rows = report.tables.reduce((sum, { v1 }) => sum + v1, 0);
// maxRSS is in KiB.
const peakMegabytes = process.resourceUsage().maxRSS / 1024;
const { quarantinedCount } = report;
process.stdout.write(JSON.stringify({ rows, seconds, peakMegabytes, quarantinedCount }));
