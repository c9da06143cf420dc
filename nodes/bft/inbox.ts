/** What comes from peers, before the core sees it: bytes are read, signatures checked, costs bounded. */
import {
  BftError,
  type Evidence,
  type ValidatorId,
  type WireMessage,
  type SharedVote,
  aboutMessage,
  decodeMessages,
} from '../../consensus/bft/index.js';
import { readBatch, type Command } from './batch.js';
import { readChange } from './change.js';
import { type CheckpointVote, readVote } from './checkpoint.js';
import { type SignatureChecker, signaturesIn } from './checking.js';
import { POST_QUANTUM_CHECKS } from './limits.js';
import type { PeerGuard } from './peer-guard.js';
import { readProof } from './proof.js';
import { type CheckedMessage, inForm } from './signed-messages.js';
import { type Amnesia, type OfOne, type Witness, evidenceOf } from './witness.js';

/**
 * First byte of what a validator tells another: messages of consensus, commands, what it saw; and where
 * values are in parts, what it has of one, and that a long command waits.
 */
export const MESSAGES = 1;
export const COMMANDS = 2;
export const WITNESSED = 3;
export const HELD = 4;
export const WAITING = 5;
/** A vote for a checkpoint: sent only where the genesis has checkpoints, since older releases know none. */
export const CHECKPOINT = 6;

/** What travels: the kind, and bytes of it. */
export function payloadOf(kind: number, bytes: Uint8Array): Uint8Array {
  const payload = new Uint8Array(bytes.length + 1);
  payload[0] = kind;
  payload.set(bytes, 1);
  return payload;
}

function isOfParts(kind: number | undefined): kind is number {
  return kind === HELD || kind === WAITING;
}

/** Who takes what was found in order. */
export interface InboxPorts {
  /** The last height that is decided here. */
  decided(): number;
  /** Whether somebody is a validator of this height or the next one, whichever is asked for. */
  isValidatorOf(height: number, id: ValidatorId): boolean;
  /** Whether a message of a height is a reason to remove somebody. */
  canAccuse(id: ValidatorId, height: number): boolean;
  take(message: CheckedMessage, value: Uint8Array | undefined): void;
  /** A vote whose share is not checked yet. Left out where decisions are not aggregated. */
  takeShare?(vote: SharedVote, from: ValidatorId): void;
  takeCommands(commands: readonly Command[], from: ValidatorId): void;
  onEvidence(evidence: Evidence): void;
  /**
   * Two votes, both signed, which a correct validator gives only if it saw a polka in between. Left out
   * where nobody answers for such.
   */
  onAmnesia?(amnesia: Amnesia): void;
  /** `HELD` and `WAITING`; absent where values have no parts. May throw `BftError`. */
  takeOfParts?(peer: ValidatorId, kind: number, bytes: Uint8Array): void;
  /** False if it is not signed by who sent it. Left out where there are no checkpoints. */
  takeCheckpoint?: ((vote: CheckpointVote, from: ValidatorId) => boolean) | undefined;
  /** A peer is in an earlier height. */
  onBehind(peer: ValidatorId): void;
  /** A peer says that a height is decided. */
  onAhead(peer: ValidatorId, decided: number): void;
}

/** See the head of this file. */
export class Inbox {
  constructor(
    private readonly guard: PeerGuard,
    private readonly checker: SignatureChecker,
    private readonly witness: Witness,
    private readonly ports: InboxPorts,
  ) {}

  /** Takes what a peer sent, whose identity is proven. Never throws for what it sent. */
  receive(peer: ValidatorId, payload: unknown): void {
    const nowMs = performance.now();
    if (this.guard.isCutOff(peer, nowMs)) return;
    const bytes = payload instanceof Uint8Array ? payload : new Uint8Array();
    const rest = bytes.subarray(1);
    try {
      if (bytes[0] === MESSAGES) this.#receiveMessages(peer, decodeMessages(rest), nowMs);
      else if (bytes[0] === COMMANDS) this.#receiveCommands(peer, rest, nowMs);
      else if (bytes[0] === WITNESSED) this.#receiveWitnessed(peer, decodeMessages(rest), nowMs);
      else if (bytes[0] === CHECKPOINT) this.#receiveCheckpoint(peer, rest, nowMs);
      else if (isOfParts(bytes[0]) && this.ports.takeOfParts !== undefined) {
        if (!this.guard.takeChecks(peer, 1, nowMs)) return;
        this.ports.takeOfParts(peer, bytes[0], rest);
      } else this.guard.fault(peer, 'garbage', nowMs);
    } catch (error) {
      if (!(error instanceof BftError)) throw error;
      this.guard.fault(peer, 'garbage', nowMs);
    }
  }

  #receiveCommands(peer: ValidatorId, bytes: Uint8Array, nowMs: number): void {
    const commands = readBatch(bytes.slice());
    if (commands === null) return this.guard.fault(peer, 'garbage', nowMs);
    for (const { kind, data } of commands) {
      if (kind === 'change') readChange(data);
      if (kind === 'evidence') this.#receiveProof(peer, data, nowMs);
    }
    const taken = commands.filter(({ kind }) => kind !== 'evidence');
    if (taken.length > 0) this.ports.takeCommands(taken, peer);
  }

  #receiveCheckpoint(peer: ValidatorId, bytes: Uint8Array, nowMs: number): void {
    const { takeCheckpoint } = this.ports;
    if (takeCheckpoint === undefined) return this.guard.fault(peer, 'garbage', nowMs);
    const vote = readVote(bytes);
    const checks = vote.postQuantum === null ? 1 : 1 + POST_QUANTUM_CHECKS;
    if (!this.guard.takeChecks(peer, checks, nowMs)) return;
    if (!takeCheckpoint(vote, peer)) this.guard.fault(peer, 'bad-signature', nowMs);
  }

  #receiveProof(peer: ValidatorId, bytes: Uint8Array, nowMs: number): void {
    const { culprit, height, messages } = readProof(bytes);
    if (!this.ports.canAccuse(culprit, height)) return;
    if (!this.guard.takeChecks(peer, messages.length, nowMs)) return;
    const isSigned = messages.every((message) => this.checker.isSigned(message));
    if (isSigned) this.ports.onEvidence(evidenceOf(...messages));
    else this.guard.fault(peer, 'bad-signature', nowMs);
  }

  /** Most of it is known: only what contradicts that, or goes with it to an accusation, is worth a check. */
  #receiveWitnessed(peer: ValidatorId, messages: readonly WireMessage[], nowMs: number): void {
    for (const message of messages) {
      if (message.type !== 'vote' && message.type !== 'proposal') continue;
      const contradicts = this.witness.contradicts(message);
      const amnesia = this.witness.amnesia(message);
      if (!contradicts && amnesia === null) continue;
      if (!this.guard.takeChecks(peer, 1, nowMs)) return;
      if (!this.checker.isSigned(message)) {
        this.guard.fault(peer, 'bad-signature', nowMs);
        continue;
      }
      const evidence = contradicts ? this.witness.evidence(message) : null;
      if (evidence !== null) this.ports.onEvidence(evidence);
      if (amnesia !== null) this.ports.onAmnesia?.(amnesia);
    }
  }

  #note(message: OfOne): void {
    this.witness.note(message);
    const amnesia = this.witness.amnesia(message);
    if (amnesia !== null) this.ports.onAmnesia?.(amnesia);
  }

  #receiveMessages(peer: ValidatorId, messages: readonly WireMessage[], nowMs: number): void {
    const value = messages.find((each) => each.type === 'value')?.bytes;
    for (const message of messages) {
      if (message.type === 'value') continue;
      const checked = inForm(message, this.checker.hasAggregates);
      const about = checked === null ? null : aboutMessage(checked);
      if (checked === null || about === null) {
        this.guard.fault(peer, 'garbage', nowMs);
        continue;
      }
      const { from, height } = about;
      const current = this.ports.decided() + 1;
      if (height < current) this.ports.onBehind(peer);
      if (height > current) this.ports.onAhead(peer, height - 1);
      if (height < current || height > current + 1) continue;
      if (!this.guard.takeChecks(peer, signaturesIn(message), nowMs)) return;
      if (this.checker.isSigned(message)) {
        // Whoever was a validator once may sign, but it counts in its time alone.
        if (!this.ports.isValidatorOf(height, from)) continue;
        if (checked.type === 'vote' || checked.type === 'proposal') this.#note(checked);
        if (message.type === 'share') this.ports.takeShare?.(message.vote, peer);
        else this.ports.take(checked, value);
      } else this.guard.fault(peer, 'bad-signature', nowMs);
      if (this.guard.isCutOff(peer, nowMs)) return;
    }
  }
}
