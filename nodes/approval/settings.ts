/**
 * What a node knows of approvals by itself, in a file of its own that no leader writes: whom it trusts,
 * whether it takes part in rollouts without approval, and what its operator has approved.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

import { VALIDATORS_MAX } from '../../consensus/bft/limits.js';
import { NodeError } from '../errors.js';
import { atomicWriteFile } from '../storage/index.js';
import { PEER_ID_LENGTH_MAX } from '../wire/limits.js';

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const schema = z.strictObject({
  version: z.literal(1),
  /** Rollouts after that one are refused here without approval; null: none is. */
  requiredAfter: count.nullable(),
  /** `operator`: votes for what was approved on this node; `any`: for any plan that it finds in order. */
  policy: z.enum(['operator', 'any']),
  /** Peer ids of the members whose votes count; null until this node is first asked. */
  trusted: z.array(z.string().max(PEER_ID_LENGTH_MAX)).max(VALIDATORS_MAX).nullable(),
  /** The plan that this node may vote for, as the rollout after the one that is named. */
  allowed: z.strictObject({ after: count, digest: z.string().max(128) }).nullable(),
  /** This node has voted for what comes after that rollout: it must come with its approval. */
  votedAfter: count.nullable(),
  /** An approved rollout has brought this node to v2, or it was there before approvals. */
  mayRunV2: z.boolean(),
  /** Raw public keys of members that signed, in base64: they are in no certificate before it is made. */
  keys: z.array(z.string().max(64)).max(VALIDATORS_MAX),
  /** What this node found of the last rollout that had to be approved; null: in order. */
  judged: z.strictObject({ rolloutId: count, refusal: z.string().nullable() }).nullable(),
});

export type ApprovalSettings = z.infer<typeof schema>;

const DEFAULTS: ApprovalSettings = {
  version: 1,
  requiredAfter: null,
  policy: 'operator',
  trusted: null,
  allowed: null,
  votedAfter: null,
  mayRunV2: false,
  keys: [],
  judged: null,
};

/** See the head of this file. */
export class SettingsFile {
  readonly #path: string;
  #value: ApprovalSettings;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, value: ApprovalSettings) {
    this.#path = path;
    this.#value = value;
  }

  /** Throws a `NodeError` for a file that does not say what was written: it is never begun anew. */
  static async open(path: string): Promise<SettingsFile> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new SettingsFile(path, DEFAULTS);
    }
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return new SettingsFile(path, parsed.data);
    throw new NodeError(
      'directory',
      `${path} cannot be used: it says whose approval this node wants before a rollout. Put it back ` +
        "as it was; or remove it, start the node, and say it again with 'agentic-flow rollout " +
        "approvals' before anybody else steers this swarm",
    );
  }

  get value(): ApprovalSettings {
    return this.#value;
  }

  /** Counts at once; resolves when it is durable. Throws a `StorageError`. */
  change(changes: Partial<ApprovalSettings>): Promise<void> {
    this.#value = { ...this.#value, ...changes };
    const write = this.#writing.then(async () => {
      await mkdir(dirname(this.#path), { recursive: true });
      const text = `${JSON.stringify(this.#value, null, 2)}\n`;
      await atomicWriteFile(this.#path, new TextEncoder().encode(text));
    });
    this.#writing = write.catch(() => undefined);
    return write;
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#writing;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
