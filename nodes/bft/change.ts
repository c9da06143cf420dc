/**
 * A change of a validator as a command holds it.
 *
 *     change    version u8 (2 with the key of shares, else 1), public key 32 bytes, weight,
 *               0 u8 if the weight is 0, else 1 u8, host, port; version 2: key 48 bytes, proof 160 bytes
 */
import { bad } from '../../consensus/bft/fields.js';
import type { ValidatorId } from '../../consensus/bft/index.js';
import { ByteReader, ByteWriter } from '../../consensus/varint.js';
import { PUBLIC_KEY_BYTES } from '../../transport/identity/index.js';
import { BLS_KEY_BYTES, BLS_PROOF_BYTES, type ProvenBlsKey } from './aggregates/bls.js';
import { ValidatorError } from './error.js';
import { HOST_CHARACTERS_MAX } from './limits.js';

const VERSION = 1;
const BLS_VERSION = 2;
const PORT_MAX = 65_535;

/** What a validator is to be: a new one, one with another weight or address, or none. */
export interface ValidatorChange {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** A whole number; 0 removes the validator. */
  readonly weight: number;
  /** Where it is reached; null exactly for weight 0. */
  readonly address: { readonly host: string; readonly port: number } | null;
  /**
   * The key of its shares, as `BlsKey.prove` gives it: of a validator that is added to a chain with
   * `aggregates`, and of no other.
   */
  readonly bls?: ProvenBlsKey;
}

/** A change that is to be decided, as the operator of a validator is asked about it. */
export interface ProposedChange {
  readonly id: ValidatorId;
  readonly weight: number;
  /** Null where it is not changed: in removals. */
  readonly address: { readonly host: string; readonly port: number } | null;
  /**
   * Somebody submitted it, or a proof that it signed two different messages for one place. `amnesia`: it is
   * to be removed, and this validator has found it guilty of that by itself, which proves it to nobody else.
   */
  readonly reason: 'command' | 'evidence' | 'amnesia';
  /**
   * The key of shares that it brings, 48 bytes, proven to be its. Compare it with what its operator told: a
   * proof is good for ever, so that anybody may propose again a key which the validator had before.
   */
  readonly blsKey?: Uint8Array;
}

/** Throws `ValidatorError` with code `bad-change`. */
export function encodeChange({ publicKey, weight, address, bls }: ValidatorChange): Uint8Array {
  const isWeight = Number.isSafeInteger(weight) && weight >= 0;
  if (publicKey.length !== PUBLIC_KEY_BYTES) refuse('a public key has 32 bytes');
  if (!isWeight) refuse(`weight ${weight}: use a whole number from 0 on`);
  if ((address === null) !== (weight === 0)) {
    refuse('a validator that is to have weight needs an address, and a removed one has none');
  }
  if (bls !== undefined && weight === 0) refuse('a validator that is removed needs no bls key');
  if (bls !== undefined && !isBlsKeyLong(bls)) {
    refuse(`a bls key has ${BLS_KEY_BYTES} bytes, and its proof ${BLS_PROOF_BYTES}`);
  }
  const writer = new ByteWriter();
  writer.u8(bls === undefined ? VERSION : BLS_VERSION);
  writer.raw(publicKey);
  writer.varint(weight);
  writer.u8(address === null ? 0 : 1);
  if (address !== null) {
    const { host, port } = address;
    if (host.length === 0 || host.length > HOST_CHARACTERS_MAX) {
      refuse(`a host name has 1 to ${HOST_CHARACTERS_MAX} characters`);
    }
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) {
      refuse(`port ${port}: use 1 to ${PORT_MAX}`);
    }
    writer.text(host);
    writer.varint(port);
  }
  if (bls !== undefined) {
    writer.raw(bls.key);
    writer.raw(bls.proof);
  }
  return writer.done();
}

/** Throws `BftError` with code `bad-encoding`. */
export function readChange(bytes: Uint8Array): ValidatorChange {
  const reader = new ByteReader(bytes, bad);
  const version = reader.u8();
  if (version !== VERSION && version !== BLS_VERSION) {
    throw bad(`a change of a validator of version ${version}`);
  }
  const publicKey = new Uint8Array(reader.raw(PUBLIC_KEY_BYTES));
  const weight = reader.varint();
  const flag = reader.u8();
  if (flag !== (weight === 0 ? 0 : 1)) throw bad('an address that does not fit the weight');
  let address: ValidatorChange['address'] = null;
  if (flag === 1) {
    const host = reader.text(HOST_CHARACTERS_MAX);
    const port = reader.varint();
    if (host.length === 0 || port < 1 || port > PORT_MAX) throw bad('an address without meaning');
    address = { host, port };
  }
  if (version === VERSION) {
    reader.end();
    return { publicKey, weight, address };
  }
  if (weight === 0) throw bad('a bls key of a validator that is removed');
  const key = new Uint8Array(reader.raw(BLS_KEY_BYTES));
  const bls = { key, proof: new Uint8Array(reader.raw(BLS_PROOF_BYTES)) };
  reader.end();
  return { publicKey, weight, address, bls };
}

function isBlsKeyLong({ key, proof }: ProvenBlsKey): boolean {
  return key.length === BLS_KEY_BYTES && proof.length === BLS_PROOF_BYTES;
}

function refuse(sentence: string): never {
  throw new ValidatorError('bad-change', sentence);
}
