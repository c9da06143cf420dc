/** What operators ask of the members. All of it may be asked twice; it wants the operator token. */
import * as answers from './answers.js';
import type { AnswerSchema } from './answers.js';
import { ROLLOUT_ATTEMPT_FACTOR } from './limits.js';
import type { RequestOptions } from './requests.js';

/** Sends one question; see `SwarmClient`. */
type Ask = <T>(
  schema: AnswerSchema<T>,
  method: string,
  payload: object,
  options: RequestOptions,
  factor: number,
) => Promise<T>;

/** How many members are to vote, 0 for all, and after which silence a voter is replaced. */
export interface VoterRules {
  readonly wanted: number;
  readonly goneAfterMs: number;
}

/** `client.membership`; resolves when the wish is kept, and not when it has come true. */
export class Membership {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** 1, 3, 5 or 7 voters, or 0 for all; refused with reason `invalid-voters` otherwise. */
  async setVoters(
    wanted: number,
    options: RequestOptions & { readonly goneAfterMs?: number } = {},
  ): Promise<VoterRules> {
    const { goneAfterMs, ...rest } = options;
    const payload = goneAfterMs === undefined ? { wanted } : { wanted, goneAfterMs };
    return this.#change('swarm.voters', payload, rest);
  }

  /** Leadership, and the vote if another member can have it, go elsewhere; false takes it back. */
  async drain(nodeId: number, drained: boolean, options: RequestOptions = {}): Promise<void> {
    await this.#change('swarm.drain', { nodeId, drained }, options);
  }

  /** As drain; then the member is removed, and its process ends with code 0. */
  async leave(nodeId: number, options: RequestOptions = {}): Promise<void> {
    await this.#change('swarm.leave', { nodeId }, options);
  }

  /** The member `replaces` is removed once `nodeId` has caught up and can take its vote. */
  async replace(replaces: number, nodeId: number, options: RequestOptions = {}): Promise<void> {
    await this.#change('swarm.replace', { nodeId, replaces }, options);
  }

  /** `hash` is the SHA-256 of the new token, hexadecimal: the swarm never learns the token itself. */
  async setToken(
    which: 'client' | 'join' | 'operator',
    hash: string,
    options: RequestOptions = {},
  ): Promise<void> {
    await this.#change('swarm.token', { which, hash }, options);
  }

  async #change(method: string, payload: object, options: RequestOptions): Promise<VoterRules> {
    const factor = ROLLOUT_ATTEMPT_FACTOR;
    return (await this.#ask(answers.membershipSchema, method, payload, options, factor)).voters;
  }
}
