/** Ids with their namespaces, and the keys under which a swarm has them (`memory-key.ts`). */
import type { Edge, Memory, SearchHit } from '../memory/engine.js';
import { MemoryError } from '../memory/errors.js';
import { DEFAULT_NAMESPACE, memoryKey, parseMemoryKey } from '../memory/memory-key.js';
import { ClientError } from './errors.js';

/** A memory by its name. */
export interface MemoryName {
  readonly id: string;
  readonly namespace: string;
}

/** Of the memory that is named first. */
export interface InNamespace {
  /** `default` when left out. */
  readonly namespace?: string | undefined;
}

/** An edge between two memories, which may be of different namespaces. */
export interface EdgeEnds extends InNamespace {
  readonly from: string;
  readonly to: string;
  /** Of the memory that it leads to; that of the other end when left out. */
  readonly toNamespace?: string | undefined;
}

export interface NamedMemory extends Omit<Memory, 'expiresAtMs'> {
  readonly namespace: string;
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
}

export interface NamedEdge extends Edge {
  readonly namespace: string;
  readonly toNamespace: string;
}

export interface NamedHit extends SearchHit {
  readonly namespace: string;
}

/** Throws `ClientError` with the code `invalid`. */
export function keyOf(id: string, { namespace = DEFAULT_NAMESPACE }: InNamespace): string {
  try {
    return memoryKey(namespace, id);
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    throw new ClientError('invalid', error.message, { cause: error });
  }
}

/** The keys of both ends. Throws `ClientError` with the code `invalid`. */
export function keysOf({ from, to, namespace, toNamespace = namespace }: EdgeEnds): {
  readonly from: string;
  readonly to: string;
} {
  return { from: keyOf(from, { namespace }), to: keyOf(to, { namespace: toNamespace }) };
}

/** What was not made by `keyOf` is an id of `default`. */
export function nameOf(key: string): MemoryName {
  return parseMemoryKey(key) ?? { id: key, namespace: DEFAULT_NAMESPACE };
}

/** Something that has a key in place of its id, with both. */
export function named<T extends { readonly id: string }>(keyed: T): T & MemoryName {
  return { ...keyed, ...nameOf(keyed.id) };
}

/** A memory as a member tells it. */
export type KeyedMemory = Omit<Memory, 'expiresAtMs'> & {
  readonly expiresAtMs?: number | undefined;
};

export function namedMemory({ expiresAtMs, ...memory }: KeyedMemory): NamedMemory {
  return { ...named(memory), expiresAt: expiresAtMs ?? null };
}

export function namedEdge(edge: Edge): NamedEdge {
  const [from, to] = [nameOf(edge.from), nameOf(edge.to)];
  return {
    ...edge,
    from: from.id,
    to: to.id,
    namespace: from.namespace,
    toNamespace: to.namespace,
  };
}
