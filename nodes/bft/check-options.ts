/** Whether a validator can be opened with its options, as far as they show it. */
import { DIGEST_BYTES } from './checkpoint.js';
import { ValidatorError } from './error.js';
import type { Chain } from './genesis.js';
import type { ValidatorOptions } from './options.js';

/** Throws `ValidatorError` with code `bad-option`. */
export function checkOptions(options: ValidatorOptions, chain: Chain): void {
  const { identity, listen, snapshots, postQuantum, bls } = options;
  const { peerId } = identity;
  if (!chain.validators.has(peerId)) {
    if (chain.changesFrom === Infinity) refuse(`${peerId} is no validator of the genesis`);
    if (listen === undefined) {
      const why = `${peerId} is not in the genesis, which would say where it listens`;
      refuse(`${why}: use the option listen`);
    }
  }
  if ((chain.checkpointsEvery === Infinity) !== (snapshots === undefined)) {
    refuse('use the option snapshots exactly where the genesis has checkpointsEvery');
  }
  const named = chain.postQuantumKeys.get(peerId);
  const has = postQuantum?.publicKey;
  if (
    named === undefined ? has !== undefined : !Buffer.from(named).equals(has ?? new Uint8Array())
  ) {
    refuse('use the option postQuantum with the key that the genesis names for this validator');
  }
  if ((chain.blsKeys === null) !== (bls === undefined)) {
    refuse('use the option bls exactly where the genesis has aggregates');
  }
  const { retainHeights = 0, trusted } = snapshots ?? {};
  if (!Number.isSafeInteger(retainHeights) || retainHeights < 0) {
    refuse(`retainHeights is ${retainHeights}; use a count of heights, from 0 on`);
  }
  if (trusted === undefined) return;
  if (!Number.isSafeInteger(trusted.height) || trusted.digest.length !== DIGEST_BYTES) {
    refuse('a trusted checkpoint has a height and a digest of 32 bytes');
  }
}

function refuse(sentence: string): never {
  throw new ValidatorError('bad-option', sentence);
}
