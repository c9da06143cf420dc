/** Inserts one row after the other until it is killed; says how many are committed. */
import { DatabaseSync } from '@photostructure/sqlite';

const path = process.argv[2] ?? '';
const database = new DatabaseSync(path);
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;');
database.exec('CREATE TABLE IF NOT EXISTS patterns(id INTEGER PRIMARY KEY, data TEXT)');
const insert = database.prepare('INSERT INTO patterns(data) VALUES (?)');
for (let i = 1; ; i += 1) {
  insert.run('x'.repeat(200));
  if (i % 100 === 0) process.stdout.write(`${i}\n`);
  // A process that never waits would leave no time for its output.
  if (i % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}
