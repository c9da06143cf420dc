/** A program of v1 that goes on writing: inserts memories and prints the id of each that is on the disk. */
import { DatabaseSync } from '@photostructure/sqlite';
import { sleep } from '../../waiting.js';

const [path = '', everyMs = '20'] = process.argv.slice(2);
const database = new DatabaseSync(path, { timeout: 10_000 });
database.exec('PRAGMA journal_mode = WAL');
database.exec('PRAGMA synchronous = FULL');
const insert = database.prepare(
  `INSERT INTO patterns (id, type, pattern_data) VALUES (?, 'reasoning_memory', ?)`,
);
for (let i = 0; ; i += 1) {
  const id = `written-meanwhile-${i}`;
  const data = { title: id, description: 'by v1', content: `note ${i} that v1 took meanwhile` };
  insert.run(id, JSON.stringify(data));
  process.stdout.write(`${id}\n`);
  await sleep(Number(everyMs));
}
