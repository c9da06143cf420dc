/** Memories that are written in every partition of a swarm, and show what is in conflict. */
import { z } from 'zod';

import { accessShape } from '../documents/index.js';
import type { DocumentAccess } from '../documents/index.js';
import type { JsonObject, MetadataFilter } from '../memory/engine.js';
import { hitSchema, metadataSchema, type AnswerSchema } from './answers.js';
import { EMBEDDING_ATTEMPT_FACTOR } from './limits.js';
import type { RequestOptions } from './requests.js';

const valueSchema = z
  .object({
    content: z.string(),
    metadata: metadataSchema,
    by: z.string(),
    atMs: z.number(),
    /** Missing where it stays, and in answers of a release before. */
    expiresAtMs: z.number().optional(),
  })
  .transform(({ expiresAtMs, ...value }) => ({ ...value, expiresAt: expiresAtMs ?? null }));
const valuesSchema = z.object({ values: z.array(valueSchema) });
const doneSchema = z.object({});
const deletedSchema = z.object({ existed: z.boolean() });
const listSchema = z.object({
  memories: z.array(z.object({ id: z.string(), values: z.array(valueSchema) })),
  next: z.string().nullable(),
});
const hitsSchema = z.object({ hits: z.array(hitSchema.extend({ conflicts: z.number() })) });
const namespacesSchema = z.object({
  namespaces: z.array(z.object({ name: z.string(), memories: z.number() })),
});
const rightsSchema = z.object({ rights: accessShape.extend({ by: z.string() }) });

/** What one writer has said. */
export interface AvailableValue {
  readonly content: string;
  readonly metadata: JsonObject;
  /** Peer id of the client that wrote it. */
  readonly by: string;
  /** By the clock of the member that took it; milliseconds since 1970. */
  readonly atMs: number;
  /** From when on it is not served any more, milliseconds since 1970; null: it stays. */
  readonly expiresAt: number | null;
}

/** A memory; with more than one value it is in conflict, and the first is the latest. */
export interface AvailableMemory {
  readonly id: string;
  readonly values: readonly AvailableValue[];
}

export interface AvailableHit {
  readonly id: string;
  readonly content: string;
  readonly metadata: JsonObject;
  /** Higher is nearer, 0 to 1. */
  readonly score: number;
  readonly matchedBy: 'vector' | 'text' | 'both';
  /** How many other values the memory has; the hit is its latest. */
  readonly conflicts: number;
}

export interface AvailableSearch {
  readonly text: string;
  /** 1 to 1,000; 10 when left out. */
  readonly limit?: number | undefined;
  readonly mode?: 'vector' | 'text' | 'hybrid' | undefined;
  readonly filter?: MetadataFilter | undefined;
}

/** Who may read and write a namespace: peer ids, or all whom the swarm lets in. Writers read, too. */
export interface AvailableRights extends DocumentAccess {
  /** Peer id of who set them; empty: nobody has. */
  readonly by: string;
}

/** The member that answered. */
interface ServedBy {
  readonly servedBy: string;
}

type Ask = <T>(
  schema: AnswerSchema<T>,
  method: string,
  payload: unknown,
  options: RequestOptions,
  factor?: number,
) => Promise<T & ServedBy>;

/**
 * Available namespaces, apart from those that a majority agrees on. A write is on the disk of one member
 * when it is answered, needs no other member, and reaches the others when it can; a read is what the
 * member that answers has. Concurrent writes of one id are all kept until somebody writes who has seen
 * them. All methods reject with `ClientError`.
 */
export class Available {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /**
   * Takes the place of the values that the member has under the id. Up to 64 KiB with its vector. With
   * `expiresAt` (milliseconds since 1970) it is not served from then on, by the clock of the member asked;
   * members of a release before refuse that.
   */
  async put(
    namespace: string,
    memory: {
      readonly id: string;
      readonly content: string;
      readonly metadata?: JsonObject;
      readonly expiresAt?: number | null | undefined;
    },
    options: RequestOptions = {},
  ): Promise<ServedBy> {
    const { id, content, metadata = {}, expiresAt = null } = memory;
    const asked = { namespace, id, content, metadata };
    const [method, body] =
      expiresAt === null
        ? ['available.put', asked]
        : ['available.putExpiring', { ...asked, expiresAtMs: expiresAt }];
    const factor = EMBEDDING_ATTEMPT_FACTOR;
    const { servedBy } = await this.#ask(doneSchema, method, body, options, factor);
    return { servedBy };
  }

  /** Deletes the values that the member has; what others write meanwhile stays. */
  async delete(
    namespace: string,
    id: string,
    options: RequestOptions = {},
  ): Promise<ServedBy & { readonly existed: boolean }> {
    return this.#ask(deletedSchema, 'available.delete', { namespace, id }, options);
  }

  /** No values: the member has no such memory. */
  async get(
    namespace: string,
    id: string,
    options: RequestOptions = {},
  ): Promise<ServedBy & { readonly values: readonly AvailableValue[] }> {
    return this.#ask(valuesSchema, 'available.get', { namespace, id }, options);
  }

  /** Up to `limit` memories (1 to 1,000; 100 when left out) in the order of their ids, behind `after`. */
  async list(
    namespace: string,
    page: { readonly after?: string | undefined; readonly limit?: number | undefined } = {},
    options: RequestOptions = {},
  ): Promise<ServedBy & { readonly memories: readonly AvailableMemory[]; next: string | null }> {
    const { after = '', limit = 100 } = page;
    return this.#ask(listSchema, 'available.list', { namespace, after, limit }, options);
  }

  /** The memories nearest to a text, best first. */
  async search(
    namespace: string,
    query: AvailableSearch,
    options: RequestOptions = {},
  ): Promise<ServedBy & { readonly hits: readonly AvailableHit[] }> {
    const { text, limit = 10, mode, filter } = query;
    const asked = {
      namespace,
      text,
      limit,
      ...(mode === undefined ? {} : { mode }),
      ...(filter === undefined ? {} : { filter }),
    };
    return this.#ask(hitsSchema, 'available.search', asked, options, EMBEDDING_ATTEMPT_FACTOR);
  }

  /** Namespaces that hold something at one member, and that this client may read. */
  async namespaces(
    options: RequestOptions = {},
  ): Promise<ServedBy & { namespaces: { name: string; memories: number }[] }> {
    return this.#ask(namespacesSchema, 'available.namespaces', {}, options);
  }

  /** The rights of a namespace as one member has heard of them; open to all before somebody sets some. */
  async rights(namespace: string, options: RequestOptions = {}): Promise<AvailableRights> {
    return (await this.#ask(rightsSchema, 'available.rights', { namespace }, options)).rights;
  }

  /**
   * Needs the operator token, or the identity of a member. Takes the place of the rights that the member
   * has; of those set on two sides of a cut the latest hold. Members of a release before refuse it.
   */
  async setRights(
    namespace: string,
    { readers, writers }: DocumentAccess,
    options: RequestOptions = {},
  ): Promise<AvailableRights> {
    const asked = { namespace, readers, writers };
    return (await this.#ask(rightsSchema, 'available.setRights', asked, options)).rights;
  }
}
