/** Plans that members ask to be approved, of each member the last one. */
import type { ValidatorId } from '../../consensus/bft/index.js';
import { type Command, encodeBatch, makeCommand, readBatch } from '../bft/batch.js';
import { NodeError } from '../errors.js';
import { PROPOSAL_KEPT_MS, REQUEST_HEIGHTS } from './limits.js';
import { type ApprovalValue, decodeValue, encodeValue } from './value.js';

export interface Proposal {
  readonly from: ValidatorId;
  readonly value: ApprovalValue;
  /** The value as it waits to be decided; the same bytes at every member. */
  readonly command: Command;
  askedAtMs: number;
}

/** See the head of this file. Times are milliseconds of a clock that only goes forward. */
export class Proposals {
  readonly #byMember = new Map<ValidatorId, Proposal>();

  /** This member asks for a plan; one that somebody else asks for already is taken up as it is. */
  propose(self: ValidatorId, value: ApprovalValue, nowMs: number): Proposal {
    const known = this.find(value.after, value.digest);
    const command = known?.command ?? makeCommand(encodeValue(value), REQUEST_HEIGHTS);
    return this.#keep({ from: self, value, command, askedAtMs: nowMs });
  }

  /** Another member asks. Throws a `NodeError` of code `malformed` for what is no such request. */
  receive(from: ValidatorId, batch: Uint8Array, nowMs: number): Proposal {
    const known = this.#byMember.get(from);
    if (known !== undefined && Buffer.from(batchOf(known)).equals(batch)) {
      known.askedAtMs = nowMs;
      return known;
    }
    const commands = readBatch(batch);
    const [command, ...rest] = commands ?? [];
    if (command === undefined || rest.length > 0) {
      throw new NodeError('malformed', 'an approval is asked for by one command');
    }
    // Others take a request up as it is: with one that is never due, its sender would block the plan.
    if (command.kind !== 'application' || command.lastHeight !== REQUEST_HEIGHTS) {
      throw new NodeError('malformed', `an approval is asked for until height ${REQUEST_HEIGHTS}`);
    }
    return this.#keep({ from, value: decodeValue(command.data), command, askedAtMs: nowMs });
  }

  find(after: number, digest: string): Proposal | undefined {
    return this.of(after).find(({ value }) => value.digest === digest);
  }

  /** Those for the rollout after the one that is named; what is left of others is forgotten. */
  of(after: number): Proposal[] {
    for (const [from, { value }] of this.#byMember) {
      if (value.after < after) this.#byMember.delete(from);
    }
    return [...this.#byMember.values()].filter(({ value }) => value.after === after);
  }

  #keep(proposal: Proposal): Proposal {
    this.#byMember.set(proposal.from, proposal);
    for (const [from, { askedAtMs }] of this.#byMember) {
      if (proposal.askedAtMs - askedAtMs > PROPOSAL_KEPT_MS) this.#byMember.delete(from);
    }
    return proposal;
  }
}

/** The request as it travels. */
export function batchOf({ command }: Proposal): Uint8Array {
  return encodeBatch([command]);
}
