/** Makes a v1 database of schema A of any size: memories, links between them, embeddings and metrics. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { RandomStream } from '../../sim/world/random.js';
import { Database } from '../../src/memory/database.js';

const WORDS = (
  'the pool ran out of connections while a query waited for its lock and nobody released it before ' +
  'deadline of request so service tried again with longer pause index was rebuilt after upgrade ' +
  'cursor skipped rows token expired leader election split brain checkpoint offset retry batch size'
).split(' ');

export interface V1Sizes {
  readonly memories: number;
  readonly links: number;
  readonly metrics: number;
}

/** Words of a memory: about 40 tokens, as those that v1 distills have. */
const WORDS_OF_CONTENT = 30;

function words(random: RandomStream, count: number): string {
  return Array.from({ length: count }, () => WORDS[random.integer(0, WORDS.length - 1)]).join(' ');
}

/** The same numbers make the same rows. */
export function makeV1Database(path: string, { memories, links, metrics }: V1Sizes): void {
  mkdirSync(dirname(path), { recursive: true });
  const random = new RandomStream(1, 'v1 rows');
  const database = Database.open(path, { create: true });
  database.exec(`
    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
    CREATE TABLE patterns (id TEXT PRIMARY KEY, type TEXT NOT NULL, pattern_data TEXT NOT NULL,
      confidence REAL NOT NULL, usage_count INTEGER NOT NULL, created_at TEXT NOT NULL, last_used TEXT);
    CREATE TABLE pattern_links (src_id TEXT NOT NULL, dst_id TEXT NOT NULL, relation TEXT NOT NULL,
      weight REAL NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (src_id, dst_id, relation));
    CREATE TABLE metrics_log (id INTEGER PRIMARY KEY AUTOINCREMENT, metric_name TEXT NOT NULL,
      value REAL NOT NULL, timestamp TEXT NOT NULL)`);
  const time = '2026-11-22 15:20:58';
  database.transaction(() => {
    for (let at = 0; at < memories; at += 1) {
      const data = {
        title: `memory ${at}: ${words(random, 5)}`,
        content: words(random, WORDS_OF_CONTENT),
        tags: [words(random, 1)],
        domain: words(random, 1),
      };
      const row = [idOf(at), 'reasoning_memory', JSON.stringify(data), 0.7, at % 9, time, null];
      database.run('INSERT INTO patterns VALUES (?, ?, ?, ?, ?, ?, ?)', ...row);
    }
    for (let at = 0; at < links; at += 1) {
      const ends = [idOf(at % memories), idOf(random.integer(0, memories - 1))];
      const row = [...ends, `refines ${Math.floor(at / memories)}`, 0.5, time];
      database.run('INSERT OR IGNORE INTO pattern_links VALUES (?, ?, ?, ?, ?)', ...row);
    }
    for (let at = 1; at <= metrics; at += 1) {
      database.run(
        'INSERT INTO metrics_log VALUES (?, ?, ?, ?)',
        at,
        'rb.retrieve.ms',
        at / 7,
        time,
      );
    }
  });
  database.close();
}

function idOf(at: number): string {
  return `01M81XV5${at.toString(36).toUpperCase().padStart(18, '0')}`;
}
