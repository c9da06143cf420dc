/**
 * The validators of a chain by height, with keys and addresses: from the genesis on, by what is decided.
 * Two heights after a change is decided it counts (`consensus/bft/set-schedule.ts`).
 */
import type { KeyObject } from 'node:crypto';
import { bad } from '../../consensus/bft/fields.js';
import {
  BftError,
  type Height,
  SetSchedule,
  type ValidatorId,
  ValidatorSet,
} from '../../consensus/bft/index.js';
import { peerIdFromPublicKey, rawPublicKey } from '../../transport/identity/index.js';
import type { PeerAddress } from '../../transport/rpc/rpc.js';
import { type BlsPublicKey, type ProvenBlsKey, provenKey, readBlsKey } from './aggregates/bls.js';
import type { Command } from './batch.js';
import { type ProposedChange, readChange } from './change.js';
import type { BlsKeys, SignatureChecker } from './checking.js';
import { type Chain, readKey } from './genesis.js';
import { BROUGHT_KEYS_MAX } from './limits.js';
import { readProof } from './proof.js';

/** Somebody who is or was a validator. */
interface Known {
  readonly key: KeyObject;
  readonly address: PeerAddress;
  /** Null where decisions are not aggregated. */
  readonly blsKey: BlsPublicKey | null;
}

/** A validator as others find it. */
export interface Member {
  readonly id: ValidatorId;
  readonly weight: number;
  readonly address: { readonly host: string; readonly port: number };
}

/** A validator of one of the next two heights, as a checkpoint names it. */
export interface ScheduledMember {
  readonly id: ValidatorId;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** In the next height, and in the one after it; 0 if it is none of its validators. */
  readonly present: number;
  readonly coming: number;
  /** The height since which it has had weight without a break; 0 if it has none in the second one. */
  readonly since: Height;
  /** Null if nothing but the genesis, which may name another one elsewhere, has said where it is. */
  readonly address: { readonly host: string; readonly port: number } | null;
  /** The key of its shares, 48 bytes; null where decisions are not aggregated. */
  readonly blsKey: Uint8Array | null;
}

/** The validators behind a decided height, as all who have decided it know them. */
export interface SetsState {
  readonly decided: Height;
  /** What that height moved. */
  readonly movedBefore: number;
  /** In the order of their names. */
  readonly members: readonly ScheduledMember[];
}

/** A change, with the key of who is changed where it comes with one. */
interface KeyedChange extends ProposedChange {
  readonly publicKey: Uint8Array | null;
  readonly bls: ProvenBlsKey | null;
}

/** See the head of this file. */
export class ChainSets {
  readonly #chain: Chain;
  #schedule: SetSchedule;
  /** All who ever were validators: what they signed stays theirs, and they learn what became of them. */
  readonly #known = new Map<ValidatorId, Known>();
  /** Keys of shares that changes bring, null if the proof is wrong: a change is looked at many times. */
  readonly #brought = new Map<string, BlsPublicKey | null>();

  constructor(chain: Chain) {
    this.#chain = chain;
    this.#schedule = new SetSchedule(chain.validators);
    for (const [id, key] of chain.keys) {
      const address = chain.addresses.get(id) as PeerAddress;
      this.#known.set(id, { key, address, blsKey: chain.blsKeys?.get(id) ?? null });
    }
  }

  /** Keys of shares, of all who are or were validators; null where decisions are not aggregated. */
  get blsKeys(): BlsKeys | null {
    if (this.#chain.blsKeys === null) return null;
    return { get: (id) => this.#known.get(id)?.blsKey ?? undefined };
  }

  /** The first height whose value may be in parts. */
  get partsFrom(): Height {
    return this.#chain.partsFrom;
  }

  /** The last height whose decision is known here. */
  get decided(): Height {
    return this.#schedule.decided;
  }

  /** Of the height under way, or of the one after it. */
  at(height: Height): ValidatorSet {
    return this.#schedule.at(height);
  }

  /** The validators as all that is decided makes them: those of the height after the one under way. */
  get coming(): ValidatorSet {
    return this.#schedule.coming;
  }

  /** The key of a validator, or of one that was one. */
  get(id: ValidatorId): KeyObject | undefined {
    return this.#known.get(id)?.key;
  }

  addressOf(id: ValidatorId): PeerAddress | undefined {
    return this.#known.get(id)?.address;
  }

  /** Whether it is or was a validator. */
  knows(id: ValidatorId): boolean {
    return this.#known.has(id);
  }

  /** Whether it is a validator of the height under way or of the next one. */
  isPeer(id: ValidatorId): boolean {
    return this.at(this.decided + 1).has(id) || this.coming.has(id);
  }

  /** Validators of the height under way and of the next one, by name. */
  get peers(): readonly ValidatorId[] {
    const both = [...this.at(this.decided + 1).validators, ...this.coming.validators];
    return [...new Set(both.map(({ id }) => id))].sort();
  }

  /** The validators of the next height but one that begins. */
  get members(): readonly Member[] {
    return this.coming.validators.map(({ id, weight }) => {
      const { host, port } = this.addressOf(id) as PeerAddress;
      return { id, weight, address: { host, port } };
    });
  }

  /** What a checkpoint says of the validators. */
  get state(): SetsState {
    const { decided, present, coming, movedBefore, since } = this.#schedule.state;
    const members = this.peers.map((id): ScheduledMember => {
      const { key, address, blsKey } = this.#known.get(id) as Known;
      const { host, port } = address;
      return {
        id,
        publicKey: rawPublicKey(key),
        present: present.weightOf(id),
        coming: coming.weightOf(id),
        since: since.get(id) ?? 0,
        address: address === this.#chain.addresses.get(id) ? null : { host, port },
        blsKey: blsKey?.bytes ?? null,
      };
    });
    return { decided, movedBefore, members };
  }

  /** Goes on behind the height of a checkpoint. Throws `BftError` if nobody can. */
  restore({ decided, movedBefore, members }: SetsState): void {
    const known = members.map(({ id, publicKey, address, blsKey: bytes }) => {
      const place = address === null ? this.#chain.addresses.get(id) : { ...address, peerId: id };
      if (place === undefined) throw bad(`nothing says where validator ${id} is reached`);
      // Its proof was checked by those who have signed the checkpoint.
      const blsKey = bytes === null ? null : readBlsKey(bytes);
      if ((blsKey === null) !== (this.#chain.blsKeys === null)) throw bad(`the bls key of ${id}`);
      return [id, { key: readKey(publicKey), address: place, blsKey }] as const;
    });
    const { present, coming } = setsOf(members);
    const since = new Map(
      members.filter((each) => each.coming > 0).map((each) => [each.id, each.since]),
    );
    this.#schedule = SetSchedule.restore({ decided, present, coming, movedBefore, since });
    for (const [id, each] of known) this.#known.set(id, each);
  }

  /** Whether a message of this height can prove that a validator is to be removed now. */
  canAccuse(id: ValidatorId, height: Height): boolean {
    return this.#schedule.canAccuse(id, height);
  }

  /** The changes that commands of a value ask for. Throws `BftError` (`bad-encoding`). */
  changesIn(commands: readonly Command[]): readonly ProposedChange[] {
    return keyedChanges(commands).map(proposed);
  }

  /**
   * Why the height under way cannot decide these commands, in a sentence, as far as they change
   * validators; null if it can. The same on all validators that have come to this height.
   */
  refusal(commands: readonly Command[], checker: SignatureChecker): string | null {
    const special = commands.filter(({ kind }) => kind !== 'application');
    if (special.length === 0) return null;
    if (this.decided + 1 < this.#chain.changesFrom) {
      return 'the genesis allows no changes of validators at this height';
    }
    try {
      for (const { kind, data } of special) {
        if (kind === 'change') continue;
        const { culprit, height, messages } = readProof(data);
        if (!this.canAccuse(culprit, height)) return `nothing can be proven against ${culprit}`;
        const areSigned = messages.every((each) => checker.isSigned(each));
        if (!areSigned) return `a proof against ${culprit} has a wrong signature`;
      }
      const changes = keyedChanges(special);
      // Proofs are dear to check: the schedule says first how many changes there may be.
      const cheap = this.#refusalOfKeys(changes) ?? this.#schedule.refusal(changes);
      return cheap ?? this.#refusalOfProofs(changes);
    } catch (error) {
      if (error instanceof BftError) return error.message;
      throw error;
    }
  }

  /** Goes on behind the height under way, which decided these. Throws `BftError` if it cannot have. */
  decide(commands: readonly Command[]): readonly ProposedChange[] {
    const changes = keyedChanges(commands);
    const wrong = this.#refusalOfKeys(changes) ?? this.#refusalOfProofs(changes);
    if (wrong !== null) throw bad(wrong);
    this.#schedule.decide(changes);
    for (const { id, address, publicKey, bls } of changes) {
      const known = this.#known.get(id);
      const key = publicKey === null ? known?.key : readKey(publicKey);
      const place = address === null ? known?.address : { ...address, peerId: id };
      const blsKey = bls === null ? (known?.blsKey ?? null) : this.#provenKey(bls, publicKey);
      if (key !== undefined && place !== undefined) {
        this.#known.set(id, { key, address: place, blsKey });
      }
    }
    return changes.map(proposed);
  }

  /**
   * Why keys of shares do not fit. Who is a validator of this height or the next one keeps its key, which
   * others check its shares by; all others bring one, with its proof, also those that were one before.
   */
  #refusalOfKeys(changes: readonly KeyedChange[]): string | null {
    for (const { id, weight, bls } of changes) {
      const isNew = this.#chain.blsKeys !== null && weight > 0 && !this.isPeer(id);
      if (isNew && bls === null) return `validator ${id} needs a bls key with its proof`;
      if (!isNew && bls !== null) return `validator ${id} can be given no bls key now`;
    }
    return null;
  }

  #refusalOfProofs(changes: readonly KeyedChange[]): string | null {
    const wrong = changes.find(({ bls, publicKey }) => {
      return bls !== null && this.#provenKey(bls, publicKey) === null;
    });
    return wrong === undefined ? null : `the bls key of ${wrong.id} is not proven to be its`;
  }

  #provenKey(bls: ProvenBlsKey, publicKey: Uint8Array | null): BlsPublicKey | null {
    if (publicKey === null) return null;
    const name = Buffer.concat([publicKey, bls.key, bls.proof]).toString('latin1');
    const known = this.#brought.get(name);
    if (known !== undefined) return known;
    const found = provenKey(bls, publicKey);
    if (this.#brought.size >= BROUGHT_KEYS_MAX) this.#brought.clear();
    this.#brought.set(name, found);
    return found;
  }
}

/** The sets of the two heights behind a checkpoint. Throws `BftError` for what can be none. */
export function setsOf(members: readonly ScheduledMember[]): {
  readonly present: ValidatorSet;
  readonly coming: ValidatorSet;
} {
  const set = (of: 'present' | 'coming'): ValidatorSet => {
    const some = members.filter((each) => each[of] > 0);
    return new ValidatorSet(some.map((each) => ({ id: each.id, weight: each[of] })));
  };
  return { present: set('present'), coming: set('coming') };
}

function keyedChanges(commands: readonly Command[]): readonly KeyedChange[] {
  return commands.flatMap(({ kind, data }): KeyedChange[] => {
    if (kind === 'application') return [];
    if (kind === 'evidence') {
      const { culprit } = readProof(data);
      const reason = 'evidence';
      return [{ id: culprit, weight: 0, address: null, reason, publicKey: null, bls: null }];
    }
    const { publicKey, weight, address, bls = null } = readChange(data);
    const id = peerIdFromPublicKey(publicKey);
    return [{ id, weight, address, reason: 'command', publicKey, bls }];
  });
}

/** What operators are told of it. */
function proposed({ id, weight, address, reason, bls }: KeyedChange): ProposedChange {
  const change = { id, weight, address, reason };
  return bls === null ? change : { ...change, blsKey: bls.key };
}
