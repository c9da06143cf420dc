/** How a node of the group starts: founding, joining, or from what its disk has kept. */
import { type RestoredState, foundingState, joiningState } from '../../consensus/raft/index.js';
import { StorageError, damaged } from '../../nodes/storage/error.js';
import type { Context, DiskView, NodeProgram, Process } from '../world/index.js';
import type { RaftMessage } from './messages.js';
import type { RaftNodeOptions } from './node-options.js';
import { RaftProcess } from './raft-process.js';
import { type Recovered, recover } from './recovery.js';
import { type Release, optionsOfRelease } from './releases.js';
import { Replica } from './replica.js';
import { RaftStorage } from './storage.js';
import type { RaftValue } from './stored.js';

/** What a process begins with. */
export interface Start {
  readonly id: number;
  readonly storage: RaftStorage;
  readonly restored: RestoredState;
  /**
   * The last attempt that came of each client. Requests come on streams, which deliver once, whatever
   * the network does; no connection outlives its process, so this is kept over restarts.
   */
  readonly attempts: Map<string, number>;
  /** State of the machine as of the snapshot; null for a machine that is new. */
  readonly state: string | null;
}

/** What the programs of a group remember of a node over its restarts, whatever its release. */
interface Lives {
  starts: number;
  release: Release;
  /** Whether its founding state is durable. */
  isFounded: boolean;
  readonly attempts: Map<string, number>;
}

/**
 * The program of every node of a Raft group, by release; the node is known by its name in
 * `options.names`. It drives the core of production over the simulated disk.
 */
export function raftPrograms(
  options: RaftNodeOptions,
): Readonly<Record<Release, NodeProgram<RaftMessage, RaftValue>>> {
  const lives = new Map<string, Lives>();
  const programOf = (release: Release): NodeProgram<RaftMessage, RaftValue> => {
    const ownOptions = optionsOfRelease(release, options);
    return {
      start: (disk, context) => {
        let own = lives.get(context.name);
        if (own === undefined) lives.set(context.name, (own = newLives()));
        own.starts += 1;
        own.release = release;
        const releases = new Set([...lives.values()].map((each) => each.release));
        if (releases.size > 1) options.observer?.probes.reach('releases-mixed');
        return start(ownOptions, own, disk, context);
      },
    };
  };
  return { first: programOf('first'), second: programOf('second') };
}

function newLives(): Lives {
  return { starts: 0, release: 'first', isFounded: false, attempts: new Map() };
}

function start(
  options: RaftNodeOptions,
  lives: Lives,
  disk: DiskView<RaftValue>,
  context: Context<RaftMessage, RaftValue>,
): Process<RaftMessage> {
  const id = options.names.indexOf(context.name);
  if (id < 1) throw new Error(`assertion failed: ${context.name} is the name of a node`);
  let recovered: Recovered | null;
  try {
    recovered = recover(disk);
    if (recovered === null && lives.isFounded) {
      if (disk.keys().length === 0) options.observer?.probes.reach('disk-empty');
      throw damaged(context.name, 0, 'the log and its hard state are missing');
    }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    options.observer?.refused(id, error.message);
    return refusedProcess;
  }
  const storage = new RaftStorage(context, recovered);
  if (recovered === null) {
    for (const key of disk.keys()) context.write(key, undefined);
    return startNew(options, lives, id, storage, context);
  }
  const { hardState, snapshot, entries, isEndUncertain } = recovered;
  const restored: RestoredState = {
    hardState,
    snapshot: snapshot?.meta ?? null,
    entries,
    applied: snapshot?.meta.index ?? 0,
    mayHaveLostSuffix: isEndUncertain || (options.distrustsDisk && lives.starts > 1),
  };
  return new RaftProcess(
    options,
    { id, storage, restored, attempts: lives.attempts, state: snapshot?.state ?? null },
    context,
  );
}

function startNew(
  options: RaftNodeOptions,
  lives: Lives,
  id: number,
  storage: RaftStorage,
  context: Context<RaftMessage, RaftValue>,
): Process<RaftMessage> {
  if (!options.founders.includes(id)) {
    const restored = joiningState();
    return new RaftProcess(
      options,
      { id, storage, restored, attempts: lives.attempts, state: null },
      context,
    );
  }
  const restored = foundingState(options.founders);
  const state = new Replica(options.machine()).snapshot();
  if (restored.snapshot === null) throw new Error('assertion failed: founders have a snapshot');
  storage.found(restored.snapshot, state, restored.hardState, () => {
    lives.isFounded = true;
  });
  return new RaftProcess(
    options,
    { id, storage, restored, attempts: lives.attempts, state },
    context,
  );
}

/** A node whose data directory is refused: it does nothing until somebody replaces it. */
const refusedProcess: Process<RaftMessage> = {
  onMessage: () => undefined,
  onTick: () => undefined,
  onDiskSynced: () => undefined,
};
