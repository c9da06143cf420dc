/**
 * A checkpoint: what all validators have after a height, signed by the validators of the next one, so
 * that nobody needs the decisions before it (PBFT section 4.3, "Garbage collection"; state sync of
 * CometBFT). With signatures of more than two thirds of their weight it is stable.
 *
 *     checkpoint   version u8 (2 with signatures of ML-DSA-65, else 1), height, history 32 bytes, length of the snapshot in bytes,
 *                  SHA-256 of each chunk of it, length and bytes of the validators,
 *                  signature count, each: name, signature 64 bytes; in the order of the names;
 *                  version 2: the same of signatures of 3309 bytes
 *     history      SHA-256 of the history of the height before (32 zeros before height 1) and of the
 *                  name of the value that this height decided
 *     validators   what the height moved, count, each: public key 32 bytes, weight in the next height,
 *                  weight in the one after it, height since which it has weight, flags u8 (1 if not the
 *                  genesis alone says where it is: host, port; 2 if it has a key of shares: 48 bytes);
 *                  in the order of their names
 *     digest       SHA-256 of: 1 u8, height, history, length of the snapshot,
 *                  SHA-256 of the digests of all chunks, SHA-256 of the validators
 *     vote         version u8, height, digest, signature 64 bytes, version 2: signature 3309 bytes
 *
 * Signed, by both, is `DOMAIN`, the 32 bytes that name the chain, and the digest.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { bad, readName, readNumber } from '../../consensus/bft/fields.js';
import type { Height, ValidatorId, ValidatorSet } from '../../consensus/bft/index.js';
import { SIGNATURE_BYTES, VALIDATORS_MAX } from '../../consensus/bft/limits.js';
import { hasCorrect, isQuorum } from '../../consensus/bft/quorum.js';
import { ByteReader, ByteWriter } from '../../consensus/varint.js';
import { PUBLIC_KEY_BYTES, peerIdFromPublicKey } from '../../transport/identity/index.js';
import { BLS_KEY_BYTES } from './aggregates/bls.js';
import { type Chain, readKey } from './genesis.js';
import { CHECKPOINT_BYTES_MAX, CHUNKS_MAX, CHUNK_BYTES, HOST_CHARACTERS_MAX } from './limits.js';
import {
  POST_QUANTUM_SIGNATURE_BYTES,
  type PostQuantumKey,
  isPostQuantumSigned,
} from './post-quantum.js';
import { type ChainSets, type ScheduledMember, type SetsState, setsOf } from './sets.js';

const VERSION = 1;
const POST_QUANTUM_VERSION = 2;
const DOMAIN = 'agentic-flow bft checkpoint 1\n';
const PORT_MAX = 65_535;
/** Bytes of SHA-256. */
export const DIGEST_BYTES = 32;

/** See the head of this file. */
export interface Checkpoint {
  readonly height: Height;
  readonly history: Uint8Array;
  readonly snapshotBytes: number;
  /** Digests of all chunks, one behind the other. */
  readonly chunks: Uint8Array;
  /** `encodeSets` of the validators. */
  readonly validators: Uint8Array;
  readonly signatures: ReadonlyMap<ValidatorId, Uint8Array>;
  /** Signatures of ML-DSA-65, of some who have signed with Ed25519. */
  readonly postQuantum: ReadonlyMap<ValidatorId, Uint8Array>;
}

/** A signature under a checkpoint, of the peer that sends it. */
export interface CheckpointVote {
  readonly height: Height;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  /** Of ML-DSA-65; null if who sends it has none. */
  readonly postQuantum: Uint8Array | null;
}

/** What a checkpoint is known by, 32 bytes: all in it but the signatures. */
export function digestOf(checkpoint: Checkpoint): Uint8Array {
  const { height, history, snapshotBytes, chunks, validators } = checkpoint;
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.varint(height);
  writer.raw(history);
  writer.varint(snapshotBytes);
  writer.raw(sha256(chunks));
  writer.raw(sha256(validators));
  return sha256(writer.done());
}

/** The history behind a height that decided `value`. */
export function nextHistory(history: Uint8Array, value: string): Uint8Array {
  return createHash('sha256').update(history).update(value).digest();
}

/** Signs a checkpoint by its digest. `chain` is the digest of the chain. */
export function signCheckpoint(chain: Uint8Array, digest: Uint8Array, key: KeyObject): Uint8Array {
  return sign(null, signedBytes(chain, digest), key);
}

/** Whether this key has signed the checkpoint with this digest. */
export function isSignedBy(
  chain: Uint8Array,
  digest: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  return verify(null, signedBytes(chain, digest), key, signature);
}

/** Signs a checkpoint with ML-DSA-65. */
export function signPostQuantum(
  chain: Uint8Array,
  digest: Uint8Array,
  key: PostQuantumKey,
): Uint8Array {
  return key.sign(signedBytes(chain, digest));
}

/** Whether a validator that has a key of ML-DSA-65 has signed the checkpoint with it. */
export function isPostQuantumSignedBy(
  { digest: chain, postQuantumKeys }: Chain,
  digest: Uint8Array,
  id: ValidatorId,
  signature: Uint8Array,
): boolean {
  const key = postQuantumKeys.get(id);
  return key !== undefined && isPostQuantumSigned(signedBytes(chain, digest), key, signature);
}

/** Whether more than two thirds of the weight have signed with ML-DSA-65 as well. */
export function isPostQuantum(checkpoint: Checkpoint): boolean {
  return isByQuorum(checkpoint.postQuantum, checkpoint);
}

/** Whether those who signed, who are validators of it, have more than two thirds of the weight. */
export function isStable(checkpoint: Checkpoint): boolean {
  return isByQuorum(checkpoint.signatures, checkpoint);
}

function isByQuorum(
  signatures: ReadonlyMap<ValidatorId, Uint8Array>,
  { height, validators }: Checkpoint,
): boolean {
  const { present } = setsOf(readSets(validators, height).members);
  return isQuorum(present.weightOfAll(signatures.keys()), present.totalWeight);
}

/** How somebody knows whom to believe. */
export interface Trust {
  readonly chain: Chain;
  /** The validators as far as they are known: of the genesis at least. */
  readonly sets: ChainSets;
  /** The digest of the one checkpoint that is believed, null if those who sign are. */
  readonly digest: Uint8Array | null;
  /** Whether more than two thirds have to have signed with ML-DSA-65 as well. */
  readonly demandsPostQuantum: boolean;
}

/** Why a checkpoint is not believed. */
export interface Unproven {
  readonly why: string;
  /** Whether no correct validator shows such a one. */
  readonly isFault: boolean;
}

/**
 * Why a checkpoint proves nothing; null if it is believed. It has to be stable, and
 * either the one that is trusted, or signed by more than a third of the weight of the validators that
 * are known here (the trust level of CometBFT's light client): one of them at least is correct, and it
 * signs what it has computed by itself. Where validators cannot have changed, they are the ones known.
 * Throws `BftError` for validators that can be none.
 */
export function whyUnproven(checkpoint: Checkpoint, trust: Trust): Unproven | null {
  const { height, validators, signatures, postQuantum } = checkpoint;
  const { chain, sets } = trust;
  const digest = digestOf(checkpoint);
  const state = readSets(validators, height);
  const { present, coming } = setsOf(state.members);
  const keys = new Map(state.members.map(({ id, publicKey }) => [id, publicKey]));
  for (const [id, signature] of signatures) {
    if (!present.has(id)) return fault(`${id} signed, and is no validator`);
    const key = readKey(keys.get(id) as Uint8Array);
    if (!isSignedBy(chain.digest, digest, key, signature)) {
      return fault(`the signature of ${id} is wrong`);
    }
  }
  if (!isQuorum(present.weightOfAll(signatures.keys()), present.totalWeight)) {
    return fault('those who signed have no more than two thirds of the weight');
  }
  for (const [id, signature] of postQuantum) {
    if (!signatures.has(id) || !isPostQuantumSignedBy(chain, digest, id, signature)) {
      return fault(`the signature of ${id} with ML-DSA-65 is wrong`);
    }
  }
  if (trust.demandsPostQuantum && !isPostQuantum(checkpoint)) {
    const why = 'no more than two thirds of the weight have signed with ML-DSA-65';
    return { why, isFault: false };
  }
  if (trust.digest !== null) {
    const isTrusted = Buffer.from(digest).equals(trust.digest);
    return isTrusted ? null : { why: 'it is not the one that is trusted', isFault: false };
  }
  const mayDiffer = height >= chain.changesFrom;
  if (!mayDiffer && !(isSame(present, chain.validators) && isSame(coming, chain.validators))) {
    return fault('its validators are not those of the genesis, which cannot have changed');
  }
  const known = sets.at(sets.decided + 1);
  if (hasCorrect(known.weightOfAll(signatures.keys()), known.totalWeight)) return null;
  const why = 'too few of the validators that are known here have signed it: name a trusted one';
  return { why, isFault: false };
}

function fault(why: string): Unproven {
  return { why, isFault: true };
}

/** Bytes of the validators of a checkpoint. */
export function encodeSets({ movedBefore, members }: SetsState): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(movedBefore);
  writer.varint(members.length);
  for (const { publicKey, present, coming, since, address, blsKey } of members) {
    writer.raw(publicKey);
    writer.varint(present);
    writer.varint(coming);
    writer.varint(since);
    writer.u8((address === null ? 0 : 1) | (blsKey === null ? 0 : 2));
    if (address !== null) {
      writer.text(address.host);
      writer.varint(address.port);
    }
    if (blsKey !== null) writer.raw(blsKey);
  }
  return writer.done();
}

/** Reads the validators of a checkpoint of a height. Throws `BftError` with code `bad-encoding`. */
export function readSets(bytes: Uint8Array, decided: Height): SetsState {
  const reader = new ByteReader(bytes, bad);
  const movedBefore = reader.varint();
  const count = reader.varint();
  if (count > 2 * VALIDATORS_MAX) throw bad(`${count} validators are too many`);
  const members: ScheduledMember[] = [];
  for (let at = 0; at < count; at += 1) {
    const member = readMember(reader);
    if (member.id <= (members.at(-1)?.id ?? '')) throw bad('validators are not in their order');
    if (member.since > decided + 2) throw bad('a validator has weight since a height to come');
    members.push(member);
  }
  reader.end();
  return { decided, movedBefore, members };
}

function readMember(reader: ByteReader): ScheduledMember {
  const publicKey = new Uint8Array(reader.raw(PUBLIC_KEY_BYTES));
  const [present, coming, since] = [reader.varint(), reader.varint(), readNumber(reader)];
  const flags = reader.u8();
  if (flags > 3) throw bad('an unknown flag is set');
  if (present === 0 && coming === 0) throw bad('a validator without weight');
  if (coming > 0 !== since > 0) throw bad('a validator that has weight since no height');
  let address: ScheduledMember['address'] = null;
  if ((flags & 1) === 1) {
    const host = reader.text(HOST_CHARACTERS_MAX);
    const port = reader.varint();
    if (host.length === 0 || port < 1 || port > PORT_MAX) throw bad('an address without meaning');
    address = { host, port };
  }
  const blsKey = (flags & 2) === 0 ? null : new Uint8Array(reader.raw(BLS_KEY_BYTES));
  const id = peerIdFromPublicKey(publicKey);
  return { id, publicKey, present, coming, since, address, blsKey };
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { height, history, snapshotBytes, chunks, validators, postQuantum } = checkpoint;
  const writer = new ByteWriter();
  writer.u8(postQuantum.size > 0 ? POST_QUANTUM_VERSION : VERSION);
  writer.varint(height);
  writer.raw(history);
  writer.varint(snapshotBytes);
  writer.raw(chunks);
  writer.varint(validators.length);
  writer.raw(validators);
  writeSignatures(writer, checkpoint.signatures);
  if (postQuantum.size > 0) writeSignatures(writer, postQuantum);
  return writer.done();
}

/**
 * Reads a checkpoint; its signatures are not checked. Keeps no view into the bytes. Throws `BftError`
 * with code `bad-encoding`.
 */
export function readCheckpoint(bytes: Uint8Array): Checkpoint {
  if (bytes.length > CHECKPOINT_BYTES_MAX) throw bad(`a checkpoint of ${bytes.length} bytes`);
  const reader = new ByteReader(bytes.slice(), bad);
  const version = readVersion(reader);
  const height = readNumber(reader);
  if (height === 0) throw bad('a checkpoint of no height');
  const history = reader.raw(DIGEST_BYTES);
  const snapshotBytes = reader.varint();
  const count = chunkCountOf(snapshotBytes);
  if (count === 0 || count > CHUNKS_MAX) throw bad(`a snapshot of ${snapshotBytes} bytes`);
  const chunks = reader.raw(count * DIGEST_BYTES);
  const validators = reader.raw(reader.varint());
  readSets(validators, height);
  const signatures = readSignatures(reader, SIGNATURE_BYTES);
  const isPlain = version === VERSION;
  const postQuantum = isPlain
    ? new Map<ValidatorId, Uint8Array>()
    : readSignatures(reader, POST_QUANTUM_SIGNATURE_BYTES);
  reader.end();
  // Each checkpoint has one form.
  if (!isPlain && postQuantum.size === 0)
    throw bad('a checkpoint of a version that it need not have');
  return { height, history, snapshotBytes, chunks, validators, signatures, postQuantum };
}

function writeSignatures(
  writer: ByteWriter,
  signatures: ReadonlyMap<ValidatorId, Uint8Array>,
): void {
  writer.varint(signatures.size);
  for (const id of [...signatures.keys()].sort()) {
    writer.text(id);
    writer.raw(signatures.get(id) as Uint8Array);
  }
}

function readSignatures(reader: ByteReader, bytes: number): Map<ValidatorId, Uint8Array> {
  const count = reader.varint();
  if (count > VALIDATORS_MAX) throw bad(`${count} signatures are too many`);
  const signatures = new Map<ValidatorId, Uint8Array>();
  let last = '';
  for (let at = 0; at < count; at += 1) {
    const id = readName(reader);
    // So nobody counts twice.
    if (id <= last) throw bad('signatures are not in the order of their names');
    signatures.set(id, reader.raw(bytes));
    last = id;
  }
  return signatures;
}

export function encodeVote({ height, digest, signature, postQuantum }: CheckpointVote): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(postQuantum === null ? VERSION : POST_QUANTUM_VERSION);
  writer.varint(height);
  writer.raw(digest);
  writer.raw(signature);
  if (postQuantum !== null) writer.raw(postQuantum);
  return writer.done();
}

/** Reads a vote; its signatures are not checked. Throws `BftError` with code `bad-encoding`. */
export function readVote(bytes: Uint8Array): CheckpointVote {
  const reader = new ByteReader(bytes.slice(), bad);
  const version = readVersion(reader);
  const height = readNumber(reader);
  const digest = reader.raw(DIGEST_BYTES);
  const signature = reader.raw(SIGNATURE_BYTES);
  const postQuantum = version === VERSION ? null : reader.raw(POST_QUANTUM_SIGNATURE_BYTES);
  reader.end();
  return { height, digest, signature, postQuantum };
}

/** Chunks of a snapshot of so many bytes. */
export function chunkCountOf(snapshotBytes: number): number {
  return Math.ceil(snapshotBytes / CHUNK_BYTES);
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function readVersion(reader: ByteReader): number {
  const version = reader.u8();
  if (version === VERSION || version === POST_QUANTUM_VERSION) return version;
  throw bad(`a checkpoint of version ${version}; this release reads 1 and 2`);
}

function signedBytes(chain: Uint8Array, digest: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(DOMAIN), chain, digest]);
}

function isSame(one: ValidatorSet, other: ValidatorSet): boolean {
  const isWithin = one.validators.every(({ id, weight }) => other.weightOf(id) === weight);
  return isWithin && one.validators.length === other.validators.length;
}
