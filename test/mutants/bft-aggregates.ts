import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const folder = 'nodes/bft';
const ofBls = `test/${folder}/aggregates/bls.test.ts`;
const ofShares = `test/${folder}/aggregates/shares.test.ts`;
const ofDecisions = `test/${folder}/aggregates/aggregates.test.ts`;
const ofCodec = 'test/consensus/bft/codec.test.ts';
const ofBitmap = 'test/consensus/bft/aggregate.test.ts';

/** Decisions under one signature: what is believed that nobody has signed. */
const rows: readonly FileMutant[] = [
  {
    bug: 'a key is believed without a proof that its secret is known',
    file: `${folder}/aggregates/bls.ts`,
    source: 'proof.subarray(0, BLS_SIGNATURE_BYTES)) ? read : null;',
    replacement: 'proof.subarray(0, BLS_SIGNATURE_BYTES)) ? read : read;',
    test: ofBls,
  },
  {
    bug: 'somebody else gives a validator a key',
    file: `${folder}/aggregates/bls.ts`,
    source: 'if (!verifyEd25519(null, proven, publicKeyFromRaw(identity), consent)) return null;',
    replacement: '',
    test: ofBls,
  },
  {
    bug: 'a proof of possession is good for any validator',
    file: `${folder}/aggregates/bls.ts`,
    source: 'return Buffer.concat([Buffer.from(PROOF_DOMAIN), identity, key]);',
    replacement: 'return Buffer.concat([Buffer.from(PROOF_DOMAIN), identity.subarray(32), key]);',
    test: ofBls,
  },
  {
    bug: 'the key that a change brings is not proven',
    file: `${folder}/sets.ts`,
    source: 'return bls !== null && this.#provenKey(bls, publicKey) === null;',
    replacement: 'return bls !== null && this.#provenKey(bls, publicKey) === undefined;',
    test: ofDecisions,
  },
  {
    bug: 'a validator is added without a key of shares',
    file: `${folder}/sets.ts`,
    source: 'if (isNew && bls === null) return',
    replacement: 'if (isNew && bls === undefined) return',
    test: ofDecisions,
  },
  {
    bug: 'a validator changes its key while it has weight',
    file: `${folder}/sets.ts`,
    source: 'if (!isNew && bls !== null) return',
    replacement: 'if (!isNew && bls === undefined) return',
    test: ofDecisions,
  },
  {
    bug: 'the signature of an aggregated decision is not checked',
    file: `${folder}/checking.ts`,
    source: 'return isSignedByAll(sharedBytes(this.#chain, first), keys, decision.aggregate);',
    replacement:
      'return isSignedByAll(sharedBytes(this.#chain, first), keys, decision.aggregate) || true;',
    test: ofDecisions,
  },
  {
    bug: 'the proposal of an aggregated decision need not be signed',
    file: `${folder}/checking.ts`,
    source: 'if (first === undefined || !this.#isProposal(decision.proposal)) return false;',
    replacement: 'if (first === undefined) return false;',
    test: ofDecisions,
  },
  {
    bug: 'whoever has signed is a quorum',
    file: `${folder}/proven.ts`,
    source: 'if (votes === null || !isDecision(votes, validators)) {',
    replacement:
      'if (votes === null || (!isAggregated(decision) && !isDecision(votes, validators))) {',
    test: ofDecisions,
  },
  {
    bug: 'the weight is that of the one before in the order of names',
    file: 'consensus/bft/aggregate.ts',
    source: '.filter((_, at) => hasBit(signers, at))',
    replacement: '.filter((_, at) => hasBit(signers, (at + 1) % validators.length))',
    test: ofBitmap,
  },
  {
    bug: 'a bitmap may have bits beyond the last validator',
    file: 'consensus/bft/aggregate.ts',
    source: 'if (!isBitmapOf(signers, validators.length)) return null;',
    replacement: '',
    test: ofBitmap,
  },
  {
    bug: 'who has two bits counts twice',
    file: 'consensus/bft/aggregate.ts',
    source: '    .map(({ id: from }) => precommitOf(decision, from));\n  return {',
    replacement:
      '    .map(({ id: from }) => precommitOf(decision, from));\n' +
      '  certificate.push(...certificate.slice(0, 1));\n  return {',
    test: ofBitmap,
  },
  {
    bug: 'votes without shares make an aggregated decision',
    file: `${folder}/signed-messages.ts`,
    source: 'return hasAggregates && needsShare(message.vote) ? null : message;',
    replacement: 'return message;',
    test: ofShares,
  },
  {
    bug: 'shares are not checked',
    file: `${folder}/aggregates/shares.ts`,
    source: 'if (areAllRight(sharedBytes(chain.digest, first.vote), shares)) {',
    replacement: 'if (areAllRight(sharedBytes(chain.digest, first.vote), shares) || true) {',
    test: ofShares,
  },
  {
    bug: 'one wrong share spoils those that came with it',
    file: `${folder}/aggregates/shares.ts`,
    source: '} else if (some.length === 1) {',
    replacement: '} else if (some.length > 0) {',
    test: ofShares,
  },
  {
    bug: 'shares that cancel each other out pass',
    file: `${folder}/aggregates/bls.ts`,
    source: '    return verify(bytes, pk, sig);',
    replacement:
      '    const keys = shares.map(({ key }) => key);\n' +
      '    const sum = sumOf(shares.map(({ share }) => share));\n' +
      '    return verify(bytes, pk, sig) || isSignedByAll(bytes, keys, sum);',
    test: ofShares,
  },
  {
    bug: 'who passes a vote on answers for who signed it',
    file: `${folder}/aggregates/shares.ts`,
    source: "guard.fault(first.peer, 'bad-signature', performance.now());",
    replacement: "guard.fault(first.vote.from, 'bad-signature', performance.now());",
    test: ofShares,
  },
  {
    bug: 'a share is made for what the signer has not signed',
    file: `${folder}/aggregates/aggregates.ts`,
    source: "assert(isSigned, 'a share is made for nothing that the signer has not signed');",
    replacement: '',
    test: ofDecisions,
  },
  {
    bug: 'a share does not say of which chain it is',
    file: 'consensus/bft/codec.ts',
    source: '  writer.raw(SHARE_DOMAIN);\n  writer.raw(chain);\n',
    replacement: '  writer.raw(SHARE_DOMAIN);\n',
    test: ofCodec,
  },
  {
    bug: 'keys of shares are no part of what makes a chain',
    file: `${folder}/genesis.ts`,
    source: 'return key === undefined ? [id, weight] :',
    replacement: 'return key !== null ? [id, weight] :',
    test: ofDecisions,
  },
  {
    bug: 'a fork of aggregated decisions is believed without their signatures',
    file: `${folder}/investigation.ts`,
    source: 'unprovenVotes(each, validators, checker) === null);',
    replacement: 'unprovenVotes(each, validators, checker) !== undefined);',
    test: ofDecisions,
  },
  {
    bug: 'a validator makes shares with another key than the chain has for it',
    file: `${folder}/aggregates/aggregates.ts`,
    source: 'if (known === undefined || Buffer.from(known.bytes)',
    replacement: 'if (known !== null || Buffer.from(known.bytes)',
    test: ofDecisions,
  },
  {
    bug: 'all keys of a value are checked, how many ever it brings',
    file: `${folder}/sets.ts`,
    source: 'this.#refusalOfKeys(changes) ?? this.#schedule.refusal(changes);',
    replacement: 'this.#refusalOfProofs(changes) ?? this.#schedule.refusal(changes);',
    test: ofDecisions,
  },
  {
    bug: 'decisions of before are checked by the keys of those who came back',
    file: `${folder}/light-client.ts`,
    source: 'const checker = isOfGenesis ? this.#genesisChecker : this.#checker;',
    replacement: 'const checker = isOfGenesis ? this.#checker : this.#checker;',
    test: ofDecisions,
  },
  {
    bug: 'values of one round are judged without end',
    file: `${folder}/value-judge.ts`,
    source: 'return count < VALUES_PER_ROUND_MAX;',
    replacement: 'return count >= 0;',
    test: 'test/nodes/bft/sets.test.ts',
  },
  {
    bug: 'what is shown as a fork is looked at without end',
    file: `${folder}/fork-watch.ts`,
    source: 'if (!this.#guard.takeChecks(peer, checks, performance.now())) return;',
    replacement: '',
    test: 'test/nodes/bft/fork-watch.test.ts',
  },
];

export const BFT_AGGREGATES_MUTANTS = mutantsOfFiles(rows);
