/**
 * The thread that moves the write-ahead log of a file into the file. It sleeps until the owner has
 * committed something, looks how long the log is, and has a connection of its own. It prepares no
 * statement: such a connection is closed when it is told to, not when garbage is collected.
 */
import { workerData } from 'node:worker_threads';

import { DatabaseSync } from '@photostructure/sqlite';

import type { CheckpointThread } from './checkpoints.js';
import { CELLS } from './checkpoints.js';
import { CHECKPOINT_PAGES, CHECKPOINT_RETRY_MS } from './limits.js';
import { walFrames } from './wal-frames.js';

type Connection = InstanceType<typeof DatabaseSync>;

const { path, shared } = workerData as CheckpointThread;
const cells = new Int32Array(shared);

/** Where the last pass ended; more frames than that may not have been moved. */
let movedFrames = 0;

/** Waits for no lock: whoever has it moves the log, or it is tried again. */
function move(connection: Connection): void {
  const frames = walFrames(`${path}-wal`);
  // The log was begun anew.
  if (frames < movedFrames) movedFrames = 0;
  if (frames < movedFrames + CHECKPOINT_PAGES) return;
  connection.exec('PRAGMA wal_checkpoint(PASSIVE)');
  movedFrames = frames;
}

function run(connection: Connection): void {
  connection.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL');
  for (let seen = 0; Atomics.load(cells, CELLS.isEnding) === 0;) {
    Atomics.wait(cells, CELLS.commits, seen);
    seen = Atomics.load(cells, CELLS.commits);
    Atomics.store(cells, CELLS.isMoving, 1);
    let hasFailed = false;
    try {
      if (Atomics.load(cells, CELLS.isPaused) === 0) move(connection);
    } catch {
      // A full disk, or a lock: all is safe in the log, and the owner moves it when it gets too long.
      hasFailed = true;
    } finally {
      Atomics.store(cells, CELLS.isMoving, 0);
      Atomics.notify(cells, CELLS.isMoving);
    }
    if (hasFailed) Atomics.wait(cells, CELLS.isEnding, 0, CHECKPOINT_RETRY_MS);
  }
}

try {
  const connection = new DatabaseSync(path, { timeout: 0 });
  try {
    run(connection);
  } finally {
    connection.close();
  }
} finally {
  Atomics.store(cells, CELLS.hasEnded, 1);
  Atomics.notify(cells, CELLS.hasEnded);
}
