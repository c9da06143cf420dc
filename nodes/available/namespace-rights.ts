/**
 * Who may read and write an available namespace: a last-write-wins register beside its memories, so that
 * it travels, is kept, and is backed up as they are. The bytes, version 1: version u8, JSON in UTF-8
 * (`storedShape`).
 */
import { z } from 'zod';

import { readLastWrite } from '../../consensus/crdt/index.js';
import type { Field, MapValue } from '../../consensus/crdt/index.js';
import { accessShape, mayRead, mayWrite } from '../../src/documents/rights.js';
import type { DocumentAccess } from '../../src/documents/rights.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { NodeError } from '../errors.js';
import { RIGHTS_BYTES_MAX } from './limits.js';

const VERSION = 1;

/** Memories are multi-value registers: no id of one leads here. */
export const RIGHTS_FIELD: Field = { kind: 'last-write', key: 'rights' };

const storedShape = z.strictObject({ ...accessShape.shape, by: z.string() });

export type Right = 'read' | 'write';

export interface NamespaceRights extends DocumentAccess {
  /** Peer id of who set them; empty: nobody has. */
  readonly by: string;
}

const OPEN: NamespaceRights = { readers: 'all', writers: 'all', by: '' };
/** Of a later release, or of a member that sends anything: nobody gets in by what cannot be read. */
const UNREADABLE: NamespaceRights = { readers: [], writers: [], by: '' };

/** Throws `NodeError` `refused` when they name too many peers. */
export function encodeRights({ readers, writers, by }: NamespaceRights): Uint8Array {
  const json = Buffer.from(JSON.stringify({ readers, writers, by }));
  if (json.length < RIGHTS_BYTES_MAX) return new Uint8Array([VERSION, ...json]);
  throw new NodeError(
    'refused',
    `the rights of a namespace have at most ${RIGHTS_BYTES_MAX} bytes, and these have ` +
      `${json.length + 1}: name fewer peers`,
  );
}

export function decodeRights(value: unknown): NamespaceRights {
  if (!(value instanceof Uint8Array) || value[0] !== VERSION) return UNREADABLE;
  try {
    return storedShape.parse(JSON.parse(decoder.decode(value.subarray(1))));
  } catch {
    return UNREADABLE;
  }
}

/** The latest by hybrid time hold; open to all before anybody has set some. */
export function rightsIn(root: MapValue): NamespaceRights {
  const written = readLastWrite(root, [RIGHTS_FIELD]);
  return written === undefined ? OPEN : decodeRights(written.latest.value);
}

/** A namespace that nobody has heard of is open to all. */
export function rightsOf(
  namespace: { readonly rights: NamespaceRights } | undefined,
): NamespaceRights {
  return namespace?.rights ?? OPEN;
}

export function isAllowed(right: Right, rights: NamespaceRights, peerId: string): boolean {
  return right === 'read' ? mayRead(rights, peerId) : mayWrite(rights, peerId);
}

/** Says to a peer what it may not do, and who can change that. */
export function notAllowed(right: Right, name: string, peerId: string): RpcError {
  return new RpcError(
    'permission-denied',
    `peer ${peerId} may not ${right} the available namespace ${name}; an operator can let it: ` +
      `agentic-flow available rights ${name} --${right === 'read' ? 'readers' : 'writers'} PEER_ID...`,
    { reason: 'not-allowed' },
  );
}

const decoder = new TextDecoder('utf-8', { fatal: true });
