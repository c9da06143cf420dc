/**
 * What nodes say to each other about snapshots: msgpack arrays, version 1, each with its kind first.
 *
 *     leader to member    raft.snapshotOffer     offer    -> progress
 *     member to source    raft.snapshotPrepare   prepare  -> prepared
 *     member to source    raft.snapshotRead      read     -> bytes
 *
 * All may be repeated, lost and answered twice. Readers throw a `NodeError` with code `malformed`.
 */
import { Fields } from '../wire/fields.js';
import { descriptionProblem, isSnapshotId } from './format.js';
import type { Description } from './format.js';
import { BLOCK_BYTES_MAX, SOURCES_MAX } from './limits.js';

const VERSION = 1;

/** The member's log begins too late: the leader says which snapshots would do, and who has one. */
export interface Offer {
  readonly term: number;
  /** Node id of the leader that offers. */
  readonly leader: number;
  /** From this index on, the leader's log goes on behind the snapshot. */
  readonly leastIndex: number;
  /** Node ids, the best source first. */
  readonly sources: readonly number[];
}

const PHASES = ['seeking', 'reading', 'installing', 'installed'] as const;

/** How far a member is: looking for a source, reading, or done with `leastIndex`. */
export interface Progress {
  readonly phase: (typeof PHASES)[number];
  /** Index of the snapshot, 0 while none is known; when `installed` what the member has applied. */
  readonly index: number;
  readonly bytes: number;
  readonly bytesTotal: number;
}

/** Asks for a snapshot at `leastIndex` or later; with an `id`, only whether that one is there. */
export interface Prepare {
  readonly leastIndex: number;
  readonly id: string | null;
  /** Blocks of `id` were not what its manifest says: the source checks its file first. */
  readonly isDamaged: boolean;
}

/** `preparing`: ask again. `absent`: the source has no snapshot of that id. */
export interface Prepared {
  readonly state: 'preparing' | 'prepared' | 'absent';
  /** Of the snapshot that is prepared. */
  readonly description: Description | null;
  /** What the source wants to be read at most; 0 without a limit. */
  readonly bytesPerSecondMax: number;
}

/** Part of the file of a snapshot: its content, or behind it its manifest. */
export interface Read {
  readonly id: string;
  readonly offset: number;
  readonly length: number;
}

export function packOffer({ term, leader, leastIndex, sources }: Offer): unknown[] {
  return ['snapshot-offer', VERSION, term, leader, leastIndex, sources];
}

export function parseOffer(payload: unknown): Offer {
  const fields = open(payload, 'snapshot-offer');
  return {
    term: fields.count('term'),
    leader: fields.count('leader'),
    leastIndex: fields.count('leastIndex'),
    sources: fields.list('sources', SOURCES_MAX, (list) => list.count('source')),
  };
}

export function packProgress({ phase, index, bytes, bytesTotal }: Progress): unknown[] {
  return ['snapshot-progress', VERSION, phase, index, bytes, bytesTotal];
}

export function parseProgress(payload: unknown): Progress {
  const fields = open(payload, 'snapshot-progress');
  return {
    phase: fields.oneOf('phase', PHASES),
    index: fields.count('index'),
    bytes: fields.count('bytes'),
    bytesTotal: fields.count('bytesTotal'),
  };
}

export function packPrepare({ leastIndex, id, isDamaged }: Prepare): unknown[] {
  return ['snapshot-prepare', VERSION, leastIndex, id, isDamaged];
}

export function parsePrepare(payload: unknown): Prepare {
  const fields = open(payload, 'snapshot-prepare');
  return {
    leastIndex: fields.count('leastIndex'),
    id: fields.nullable(readId),
    isDamaged: fields.boolean('isDamaged'),
  };
}

export function packPrepared({ state, description, bytesPerSecondMax }: Prepared): unknown[] {
  const packed =
    description === null
      ? null
      : [description.id, description.index, description.contentBytes, description.blocks];
  return ['snapshot-prepared', VERSION, state, packed, bytesPerSecondMax];
}

export function parsePrepared(payload: unknown): Prepared {
  const fields = open(payload, 'snapshot-prepared');
  const state = fields.oneOf('state', ['preparing', 'prepared', 'absent']);
  const description = fields.nullable((outer) => readDescription(outer.fields('description')));
  if ((state === 'prepared') !== (description !== null)) {
    fields.fail('description', 'there if and only if the snapshot is prepared');
  }
  return { state, description, bytesPerSecondMax: fields.count('bytesPerSecondMax') };
}

export function packRead({ id, offset, length }: Read): unknown[] {
  return ['snapshot-read', VERSION, id, offset, length];
}

export function parseRead(payload: unknown): Read {
  const fields = open(payload, 'snapshot-read');
  const id = readId(fields);
  const offset = fields.count('offset');
  const length = fields.count('length');
  if (length < 1 || length > BLOCK_BYTES_MAX) fields.fail('length', `1 to ${BLOCK_BYTES_MAX}`);
  return { id, offset, length };
}

function open(payload: unknown, kind: string): Fields {
  const fields = new Fields(payload, kind.replace('-', ' '));
  fields.oneOf('kind', [kind]);
  const version = fields.count('version');
  if (version !== VERSION)
    fields.fail('version', `${VERSION}; it is ${version}, of another release`);
  return fields;
}

function readId(fields: Fields): string {
  const id = fields.string('id', 64);
  return isSnapshotId(id) ? id : fields.fail('id', '64 hexadecimal digits');
}

function readDescription(fields: Fields): Description {
  const description = {
    id: readId(fields),
    index: fields.count('index'),
    contentBytes: fields.count('contentBytes'),
    blocks: fields.count('blocks'),
  };
  const problem = descriptionProblem(description);
  return problem === undefined ? description : fields.fail('description', `possible: ${problem}`);
}
