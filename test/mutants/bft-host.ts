import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const folder = 'nodes/bft';
const ofDisk = 'test/nodes/bft/disk-faults.test.ts';
const ofLightClient = 'test/nodes/bft/light-client.test.ts';
const ofCheckpoint = 'test/nodes/bft/checkpoint.test.ts';
const ofCheckpointDisk = 'test/nodes/bft/checkpoint-disk.test.ts';
const ofPostQuantum = 'test/nodes/bft/post-quantum.test.ts';
const ofStateSync = 'test/nodes/bft/state-sync.test.ts';
const ofFork = 'test/nodes/bft/investigation.test.ts';
const ofValues = 'test/nodes/bft/values.test.ts';
const ofCatchUp = 'test/nodes/bft/sets.test.ts';
const ofParts = `test/${folder}/parts/part-set.test.ts`;
const ofTree = `test/${folder}/parts/merkle.test.ts`;
const ofCollecting = `test/${folder}/parts/collecting.test.ts`;
const ofExchange = `test/${folder}/parts/exchange.test.ts`;
const ofAmnesia = `test/${folder}/amnesia-watch.test.ts`;
const ofCulprits = `test/${folder}/culprits.test.ts`;
const ofWitness = `test/${folder}/witness.test.ts`;
const ofInbox = `test/${folder}/inbox.test.ts`;

/**
 * Validators on disks that fail, investigations of forks, and values in parts, as far as the simulator does
 * not find them.
 */
const rows: readonly FileMutant[] = [
  {
    bug: 'a log goes on after a sync has failed',
    file: `${folder}/framed-log.ts`,
    source: "      this.#failure = toStorageError(error, 'writing', this.#path);\n",
    replacement: "      throw toStorageError(error, 'writing', this.#path);\n",
    test: ofDisk,
  },
  {
    bug: 'a signature is given out before it is noted',
    file: `${folder}/signer.ts`,
    source: '      await this.#file.write(encodeLast(next));',
    replacement: '      void this.#file.write(encodeLast(next)).catch(() => {});',
    test: ofDisk,
  },
  {
    bug: 'the record may be there without what justifies it',
    file: `${folder}/driver.ts`,
    source: '    await Promise.all([\n      this.#values.persist(ids),',
    replacement:
      '    await Promise.all([\n      this.#store.record.write(encodeRecord(record, this.#own)),\n' +
      '      this.#values.persist(ids),',
    test: ofDisk,
  },
  {
    bug: 'a stop before the first signature is taken for a lost signer',
    file: `${folder}/store.ts`,
    source: '(hasSigned || (signer.isMade && mayHaveSigned))',
    replacement: '(hasSigned || mayHaveSigned)',
    test: ofDisk,
  },
  {
    bug: 'what cannot be read is not told as an error of the disk',
    file: `${folder}/framed-log.ts`,
    source: "      throw toStorageError(error, 'reading', this.#path);",
    replacement: '      throw error;',
    test: ofDisk,
  },
  {
    bug: 'the polka that justifies a vote is not kept',
    file: `${folder}/driver.ts`,
    source: 'polka === null ? undefined : this.#store.polkas.keep(polka)',
    replacement: 'polka === null ? undefined : undefined',
    test: ofDisk,
  },
  {
    bug: 'an answer without signatures counts',
    file: `${folder}/investigation.ts`,
    source: "return checker.isSigned({ type: 'certificate', certificate }) ? certificate : null;",
    replacement: 'return checker instanceof SignatureChecker ? certificate : null;',
    test: ofFork,
  },
  {
    bug: 'decisions of another chain make a fork',
    file: `${folder}/investigation.ts`,
    source: 'if (!areSigned || !isFork(fork, validators)) {',
    replacement: 'if (areSigned === null || !isFork(fork, validators)) {',
    test: ofFork,
  },
  {
    bug: 'the files of polkas do not take turns',
    file: `${folder}/polkas.ts`,
    source: '      this.logs = [other, current];',
    replacement: '      this.logs = [current, other];',
    test: ofFork,
  },
  {
    bug: 'the older file of polkas is written after a restart',
    file: `${folder}/polkas.ts`,
    source: 'new PolkaStore(two > one ? [second, first] : [first, second]',
    replacement: 'new PolkaStore(two <= one ? [second, first] : [first, second]',
    test: ofFork,
  },
  {
    bug: 'those who voted in the last polka are guilty, not those of the first',
    file: 'consensus/bft/accountability.ts',
    source: '(a?.round ?? 0) - (b?.round ?? 0)',
    replacement: '(b?.round ?? 0) - (a?.round ?? 0)',
    test: 'test/consensus/bft/accountability.test.ts',
  },
  {
    bug: 'any signature of a decision is believed',
    file: `${folder}/proven.ts`,
    source: "return checker.isDecisionSigned(decision, votes) ? null : 'a signature is wrong';",
    replacement: 'return null;',
    test: ofLightClient,
  },
  {
    bug: 'too few votes are believed to be a decision',
    file: `${folder}/proven.ts`,
    source: 'if (votes === null || !isDecision(votes, validators)) {',
    replacement: 'if (votes === null || (!isDecision(votes, validators) && false)) {',
    test: ofLightClient,
  },
  {
    bug: 'another value is taken with the votes',
    file: `${folder}/proven.ts`,
    source: 'if (!isNameOf(decision.proposal.value, value))',
    replacement: 'if (false)',
    test: ofLightClient,
  },
  {
    bug: 'a light client takes validators of the genesis where they may have changed',
    file: `${folder}/light-client.ts`,
    source: 'if (height <= this.#chain.changesFrom + 1) return',
    replacement: 'if (height <= this.#chain.changesFrom + 2) return',
    test: ofLightClient,
  },
  {
    bug: 'a part is believed without its proof',
    file: `${folder}/parts/part-set.ts`,
    source: 'if (!isFitting || !isLeafOf(root, count, at, bytes, proof))',
    replacement: 'if (!isFitting || !isLeafOf(root, count, at, bytes, proof) === null)',
    test: ofParts,
  },
  {
    bug: 'a node passes for a leaf',
    file: `${folder}/parts/merkle.ts`,
    source: "createHash('sha256').update(LEAF).update(data)",
    replacement: "createHash('sha256').update(LEAF.subarray(1)).update(data)",
    test: ofTree,
  },
  {
    bug: 'a name may claim gigabytes',
    file: `${folder}/parts/part-set.ts`,
    source: 'length > PART_BYTES && length <= LARGE_VALUE_BYTES_MAX',
    replacement: 'length > PART_BYTES && length <= LARGE_VALUE_BYTES_MAX * 1e3',
    test: ofParts,
  },
  {
    bug: 'a value is voted for by another name than that of its height',
    file: `${folder}/value-judge.ts`,
    source: 'if (!isNameAt(value, bytes.length, height, partsFrom)) return false;',
    replacement: 'isNameAt(value, bytes.length, height, partsFrom);',
    test: ofValues,
  },
  {
    bug: 'a value in parts is not on the disk when it is voted for',
    file: `${folder}/values.ts`,
    source: 'if (bytes === undefined || this.#durable.has(id)) continue;',
    replacement:
      'if (bytes === undefined || this.#durable.has(id) || bytes.length > 65_536) continue;',
    test: ofDisk,
  },
  {
    bug: 'what was said last makes room in memory',
    file: `${folder}/values.ts`,
    source: 'if (each !== id && !this.#needed.has(each))',
    replacement: 'if (each !== id)',
    test: ofValues,
  },
  {
    bug: 'who sends a wrong part is not counted',
    file: `${folder}/parts/exchange.ts`,
    source: "if (verdict === 'lie') this",
    replacement: "if (verdict === 'lie' && ask.places.length === 0) this",
    test: ofExchange,
  },
  {
    bug: 'a proposer that withholds parts is waited for',
    file: `${folder}/parts/exchange.ts`,
    source: 'if (set.received === receivedBefore || patienceMs',
    replacement: 'if (set.received < receivedBefore || patienceMs',
    test: ofExchange,
  },
  {
    bug: 'one proposer has as many values collected as there is room for',
    file: `${folder}/parts/exchange.ts`,
    source: 'ofThem.length >= COLLECTED_PER_PROPOSER_MAX ? ofThem : all',
    replacement: 'ofThem.length >= 9 * COLLECTED_PER_PROPOSER_MAX ? ofThem : all',
    test: ofExchange,
  },
  {
    bug: 'everybody takes everything from the proposer',
    file: `${folder}/parts/collecting.ts`,
    source: 'if (owner === this.#self || nowMs >=',
    replacement: 'if (owner !== null || nowMs >=',
    test: ofCollecting,
  },
  {
    bug: 'a part is waited for that one peer does not give',
    file: `${folder}/parts/collecting.ts`,
    source: 'nowMs < askedAtMs + PART_HEDGE_MS',
    replacement: 'nowMs < askedAtMs + PART_HEDGE_MS * 1e6',
    test: ofCollecting,
  },
  {
    bug: 'a decision whose value is left out is believed',
    file: `${folder}/catch-up.ts`,
    source: '? unprovenVotes(decision, set, this.#checker)',
    replacement: '? null',
    test: ofCatchUp,
  },
  {
    bug: 'a long command is given to one proposer alone',
    file: `${folder}/forwarding.ts`,
    source: 'if (given === undefined || given.has(peer)) continue;',
    replacement: 'if (given === undefined || given.size > 0) continue;',
    test: ofValues,
  },
  {
    bug: 'any signature under a checkpoint is believed',
    file: `${folder}/checkpoint.ts`,
    source: '    if (!isSignedBy(chain.digest, digest, key, signature)) {',
    replacement: '    if (!isSignedBy(chain.digest, digest, key, signature) && false) {',
    test: ofCheckpoint,
  },
  {
    bug: 'half of the weight makes a checkpoint stable',
    file: `${folder}/checkpoint.ts`,
    source: '  return isQuorum(present.weightOfAll(signatures.keys()), present.totalWeight);',
    replacement: '  return 2 * present.weightOfAll(signatures.keys()) >= present.totalWeight;',
    test: ofCheckpoint,
  },
  {
    bug: 'strangers make a checkpoint among themselves, and it is believed',
    file: `${folder}/checkpoint.ts`,
    source:
      '  if (hasCorrect(known.weightOfAll(signatures.keys()), known.totalWeight)) return null;',
    replacement: '  if (known.totalWeight > 0) return null;',
    test: ofCheckpoint,
  },
  {
    bug: 'a checkpoint of a chain that changes nobody names other validators',
    file: `${folder}/checkpoint.ts`,
    source: '  const mayDiffer = height >= chain.changesFrom;',
    replacement: '  const mayDiffer = height >= 0;',
    test: ofCheckpoint,
  },
  {
    bug: 'what the last height moved is forgotten by a checkpoint',
    file: 'consensus/bft/set-schedule.ts',
    source: '    schedule.#movedBefore = state.movedBefore;',
    replacement: '    schedule.#movedBefore = 0;',
    test: ofCheckpoint,
  },
  {
    bug: 'chunks are not checked',
    file: `${folder}/snapshot-file.ts`,
    source: '  return Buffer.from(sha256(bytes)).equals(digest);',
    replacement: '  return digest.length > 0;',
    test: ofStateSync,
  },
  {
    bug: 'who gives a wrong chunk is asked again',
    file: `${folder}/state-sync.ts`,
    source: "      guard.fault(peer, 'bad-chunk', performance.now(), FAULTS_MAX);",
    replacement:
      "      guard.fault(peer, 'bad-chunk', performance.now(), FAULTS_MAX / FAULTS_MAX);\n" +
      '      sources.push(peer);',
    test: ofStateSync,
  },
  {
    bug: 'what was decided of late is not restored',
    file: `${folder}/mempool.ts`,
    source: '      this.#byHeight.set(each, ids);\n      for (const id of ids) {',
    replacement: '      for (const id of ids) {',
    test: ofCheckpointDisk,
  },
  {
    bug: 'decisions are deleted that who fetches the last checkpoint but one needs',
    file: `${folder}/checkpointing.ts`,
    source: 'Math.min(before.height + 1, first)',
    replacement: 'Math.min(last.height + 1, first)',
    test: ofCheckpointDisk,
  },
  {
    bug: 'the old decisions are deleted before the checkpoint is durable',
    file: `${folder}/checkpointing.ts`,
    source:
      '      await store.checkpoints.save(checkpoint);\n      await store.decisions.leap(height);',
    replacement:
      '      await store.decisions.leap(height);\n      await store.checkpoints.save(checkpoint);',
    test: ofCheckpointDisk,
  },
  {
    bug: 'a snapshot has its name before it is durable',
    file: `${folder}/snapshot-file.ts`,
    source: '    await this.#try(() => this.file.datasync());\n',
    replacement: '',
    test: ofCheckpointDisk,
  },
  {
    bug: 'a second checkpoint of a height is signed after a restart',
    file: `${folder}/checkpointing.ts`,
    source: '    if (newest !== null && height <= newest.height) return;',
    replacement: '    if (newest !== null && height < newest.height) return;',
    test: ofCheckpointDisk,
  },
  {
    bug: 'any signature of ML-DSA-65 is believed',
    file: `${folder}/checkpoint.ts`,
    source: '!isPostQuantumSignedBy(chain, digest, id, signature)) {',
    replacement: '(!isPostQuantumSignedBy(chain, digest, id, signature) && false)) {',
    test: ofPostQuantum,
  },
  {
    bug: 'others may read the secret of ML-DSA-65',
    file: `${folder}/seed-file.ts`,
    source: "open(unfinished, 'wx', 0o600)",
    replacement: "open(unfinished, 'wx', 0o644)",
    test: ofPostQuantum,
  },
  {
    bug: 'amnesia is believed by one alone',
    file: `${folder}/amnesia-watch.ts`,
    source: 'if (isDue && isQuorum(weight, validators.totalWeight))',
    replacement: 'if (isDue)',
    test: ofAmnesia,
  },
  {
    bug: 'whoever says nothing is guilty at once',
    file: `${folder}/amnesia-watch.ts`,
    source: 'const isDue = isLate || without.has(amnesia.accused);',
    replacement: 'const isDue = true;',
    test: ofAmnesia,
  },
  {
    bug: 'any polka answers an accusation of amnesia',
    file: `${folder}/amnesia-watch.ts`,
    source: 'answerIn(bytes, amnesia, validators, checker) !== null;',
    replacement: 'answerIn(bytes, amnesia, validators, checker) !== undefined;',
    test: ofAmnesia,
  },
  {
    bug: 'only the accused is asked',
    file: `${folder}/amnesia-watch.ts`,
    source: 'others().filter((peer) => !without.has(peer))',
    replacement: 'others().filter((peer) => peer === amnesia.accused)',
    test: ofAmnesia,
  },
  {
    bug: 'the own polkas are not looked at',
    file: `${folder}/amnesia-watch.ts`,
    source: 'if (kept !== null && isAnswer(kept)) return;',
    replacement: '',
    test: ofAmnesia,
  },
  {
    bug: 'a vote that was told by another validator accuses without a signature',
    file: `${folder}/inbox.ts`,
    source: '      if (!this.checker.isSigned(message)) {',
    replacement: '      if (contradicts && !this.checker.isSigned(message)) {',
    test: ofInbox,
  },
  {
    bug: 'votes of one validator are kept for ever',
    file: `${folder}/witness.ts`,
    source: '    votes.shift();\n',
    replacement: '',
    test: ofWitness,
  },
  {
    bug: 'a removal is approved of whoever is named',
    file: `${folder}/culprits.ts`,
    source: ' && this.amnesiacs.includes(id);',
    replacement: ';',
    test: ofCulprits,
  },
  {
    bug: 'what was paid for counts again',
    file: `${folder}/culprits.ts`,
    source: "kind === 'amnesia' && sets.canAccuse(culprit, height)",
    replacement: "kind === 'amnesia' && sets.knows(culprit) && height > 0",
    test: ofCulprits,
  },
  {
    bug: 'amnesia is kept as an equivocation',
    file: `${folder}/evidence.ts`,
    source: "const kind = isAmnesia ? 'amnesia' : ofOne;",
    replacement: 'const kind = ofOne;',
    test: ofCulprits,
  },
  {
    bug: 'a removal that others do not approve holds up all changes',
    file: `${folder}/pending-changes.ts`,
    source: '    if (this.#proposedCount % 2 === 1) others.reverse();\n',
    replacement: '',
    test: ofCatchUp,
  },
];

export const BFT_HOST_MUTANTS = mutantsOfFiles(rows);
