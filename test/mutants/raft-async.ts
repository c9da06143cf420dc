import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const CORE = 'consensus/raft';
const TESTS = 'test/consensus/raft';
const WRITES = `${TESTS}/persistence.test.ts`;
const LEASES = `${TESTS}/lease.test.ts`;
const STALLS = `${TESTS}/stall.test.ts`;
const PRIORITIES = `${TESTS}/priorities.test.ts`;
const AMNESIA = `${TESTS}/amnesia.test.ts`;
const AMNESIA_OF_GROUPS = `${TESTS}/amnesia-group.test.ts`;
const REPAIRS = `${TESTS}/repair.test.ts`;

const ROWS: readonly FileMutant[] = [
  {
    bug: 'a receipt of an earlier term counts (ABA)',
    file: `${CORE}/persistence.ts`,
    source: 'if (index > 0 && term < node.term) {',
    replacement: 'if (index > 0 && term < 0) {',
    test: WRITES,
  },
  {
    bug: 'a receipt of a replaced entry counts',
    file: `${CORE}/persistence.ts`,
    source: 'if (own === logTerm) {',
    replacement: 'if (own !== null) {',
    test: WRITES,
  },
  {
    bug: 'the write of a new term without entries vouches for nothing',
    file: `${CORE}/node.ts`,
    source: 'const waits = log.persisted < log.lastIndex;',
    replacement: 'const waits = log.persisted < log.lastIndex && log.lastTerm === term;',
    test: WRITES,
  },
  {
    bug: 'entries are applied before they are durable here',
    file: `${CORE}/log.ts`,
    source: 'const index = evenIfUnstable ? this.commit : Math.min(this.commit, this.persisted);',
    replacement: 'const index = evenIfUnstable ? this.commit : Math.max(this.commit, 0);',
    test: WRITES,
  },
  {
    bug: 'what was replaced while being written is not written again',
    file: `${CORE}/log.ts`,
    source: 'this.inWrite = Math.min(this.inWrite, keep);',
    replacement: 'this.inWrite = Math.max(this.inWrite, keep);',
    test: WRITES,
  },
  {
    bug: 'entries are handed out before the snapshot that they follow',
    file: `${CORE}/log.ts`,
    source: 'if (this.applyingPaused || this.pendingSnapshot !== null) return false;',
    replacement: 'if (this.applyingPaused) return false;',
    test: WRITES,
  },
  {
    bug: 'an earlier snapshot that is installed ends the wait for a later one',
    file: `${CORE}/persistence.ts`,
    source: 'if (log.pendingSnapshot === snapshot) {',
    replacement: 'if (log.pendingSnapshot !== null) {',
    test: WRITES,
  },
  {
    bug: 'applications do not pause',
    file: `${CORE}/log.ts`,
    source: 'this.applyingPaused = this.applyingBytes >= bytesMax || this.handedOut < through;',
    replacement: 'this.applyingPaused = false;',
    test: WRITES,
  },
  {
    bug: 'a change that a snapshot has overtaken undoes its membership',
    file: `${CORE}/node.ts`,
    source: 'if (change !== null && !isOvertaken) applyCommittedChange(this.state, change);',
    replacement: 'if (change !== null) applyCommittedChange(this.state, change);',
    test: WRITES,
  },
  {
    bug: 'requests for votes leave before the vote and the log they speak of are durable',
    file: `${CORE}/state.ts`,
    source: "      case 'voteRequest':\n",
    replacement: '',
    test: WRITES,
  },
  {
    bug: 'own answers count before they are durable',
    file: `${CORE}/node.ts`,
    source: 'if (asyncStorageWrites) return ready;',
    replacement:
      'if (asyncStorageWrites) { for (const message of toOthers) ' +
      'if (message.to === state.id) stepMessage(state, message); return ready; }',
    test: WRITES,
  },
  {
    bug: 'the own vote counts before it is written',
    file: `${CORE}/elections.ts`,
    source: "node.send({ type: asksFirst ? 'preVoteResponse' : 'voteResponse', to, term });",
    replacement: 'node.votes.set(to, true);',
    test: WRITES,
  },
  {
    bug: 'a lease is measured from the answer',
    file: `${CORE}/reading.ts`,
    source: 'extendLease(node, node.reads.begunAtMs);',
    replacement: 'extendLease(node, node.nowMs);',
    test: LEASES,
  },
  {
    bug: 'a lease outlasts a transfer',
    file: `${CORE}/transfer.ts`,
    source: 'node.hasTransferred = true;',
    replacement: 'node.hasTransferred = false;',
    test: LEASES,
  },
  {
    bug: 'a lease is taken up again when a transfer is given up',
    file: `${CORE}/ticking.ts`,
    source: 'if (late !== NO_NODE) {',
    replacement: 'node.hasTransferred &&= late === NO_NODE;\n    if (late !== NO_NODE) {',
    test: LEASES,
  },
  {
    bug: 'a lease outlasts a membership change',
    file: `${CORE}/changing.ts`,
    source: 'node.leaseFromMs = -Infinity;',
    replacement: '',
    test: LEASES,
  },
  {
    bug: 'a lease outlasts the term',
    file: `${CORE}/state.ts`,
    source: '    this.leaseFromMs = -Infinity;',
    replacement: '',
    test: LEASES,
  },
  {
    bug: 'a lease outlasts a clock that went back',
    file: `${CORE}/lease.ts`,
    source: '    node.leaseFromMs = -Infinity;\n    // Nor',
    replacement: '    // Nor',
    test: LEASES,
  },
  {
    bug: 'heartbeats from before a clock went back bring a lease',
    file: `${CORE}/lease.ts`,
    source: 'node.reads.begunAtMs = Number.NaN;',
    replacement: '',
    test: LEASES,
  },
  {
    bug: 'without a clock, that of the last input is used',
    file: `${CORE}/lease.ts`,
    source: 'node.nowMs = nowMs ?? Number.NaN;',
    replacement: 'node.nowMs = nowMs ?? node.nowMs;',
    test: LEASES,
  },
  {
    bug: 'a lease counts members instead of a quorum of both halves',
    file: `${CORE}/reading.ts`,
    source: 'const outcome = jointVote(voters, votersOutgoing, (voter) =>',
    replacement: 'const outcome = jointVote(voters, new Set(), (voter) =>',
    test: LEASES,
  },
  {
    bug: 'a read before the first commit of the term is answered by the lease',
    file: `${CORE}/reading.ts`,
    source: '  if (!node.hasCommittedInTerm) {',
    replacement: '  if (!node.hasCommittedInTerm && !holdsLease(node)) {',
    test: LEASES,
  },
  {
    bug: 'a restarted follower has forgotten its promise',
    file: `${CORE}/state.ts`,
    source: 'this.promisedTick = this.term > 0 || restored.snapshot === null ? 0 : -Infinity;',
    replacement: 'this.promisedTick = -Infinity;',
    test: LEASES,
  },
  {
    bug: 'a later term ends a promise',
    file: `${CORE}/lease.ts`,
    source: 'return node.ticks - node.promisedTick < electionTicks;',
    replacement:
      'return node.leader !== NO_NODE && node.ticks - node.promisedTick < electionTicks;',
    test: LEASES,
  },
  {
    bug: 'a leader with leases can be forgotten',
    file: `${CORE}/node.ts`,
    source: 'if (state.config.leaseMs > 0) {',
    replacement: 'if (state.config.leaseMs < 0) {',
    test: LEASES,
  },
  {
    bug: 'a node campaigns by request although its vote is promised',
    file: `${CORE}/elections.ts`,
    source: "if (kind !== 'transfer' && node.config.leaseMs > 0 && isLeased(node)) {",
    replacement: "if (kind !== 'transfer' && node.config.leaseMs < 0 && isLeased(node)) {",
    test: LEASES,
  },
  {
    bug: 'a stalled disk is not noticed',
    file: `${CORE}/ticking.ts`,
    source: 'node.diskTicks = node.log.persisted < node.log.inWrite ? node.diskTicks + 1 : 0;',
    replacement: 'node.diskTicks = 0;',
    test: STALLS,
  },
  {
    bug: 'a leader with a stalled disk stays if nobody takes over',
    file: `${CORE}/ticking.ts`,
    source: 'if (diskTicks >= 2 * diskStallTicks) {',
    replacement: 'if (diskTicks >= 200 * diskStallTicks) {',
    test: STALLS,
  },
  {
    bug: 'a node with a stalled disk campaigns',
    file: `${CORE}/state.ts`,
    source: 'const isReady = this.log.pendingSnapshot === null && !this.isDiskStalled;',
    replacement: 'const isReady = this.log.pendingSnapshot === null;',
    test: STALLS,
  },
  {
    bug: 'a slow disk counts as stalled',
    file: `${CORE}/persistence.ts`,
    source: 'node.diskTicks = 0;',
    replacement: '',
    test: STALLS,
  },
  {
    bug: 'everybody waits the same time, whoever is preferred',
    file: `${CORE}/state.ts`,
    source: 'const isLast = !this.mayGoFirst || isHarmed;',
    replacement: 'const isLast = isHarmed;',
    test: PRIORITIES,
  },
  {
    bug: 'leadership is handed to a node that does not answer',
    file: `${CORE}/priorities.ts`,
    source: 'if (mustBeActive && !member.recentActive) continue;',
    replacement: '',
    test: PRIORITIES,
  },
  {
    bug: 'leadership is handed to a node that lacks committed entries',
    file: `${CORE}/priorities.ts`,
    source: "if (member.state !== 'replicate' || member.match < node.log.commit) continue;",
    replacement: '',
    test: PRIORITIES,
  },
  {
    bug: 'a node that cannot take over keeps the leader from taking proposals',
    file: `${CORE}/priorities.ts`,
    source: 'if (node.hasTransferred && turn % ATTEMPT_INTERVAL !== 0) return;',
    replacement: '',
    test: PRIORITIES,
  },
  {
    bug: 'a node with lost entries waits anew for one that cannot win',
    file: `${CORE}/elections.ts`,
    source:
      'if (!isUpToDate && !isPreVote && node.log.lostCount > 0) node.drawElectionTimeout(true);',
    replacement: '',
    test: REPAIRS,
  },
  {
    bug: 'who may have forgotten an entry says that it never had it',
    file: `${CORE}/repair.ts`,
    source: "const context = node.owesEntries ? OWES_CONTEXT : '';",
    replacement: "const context = '';",
    test: REPAIRS,
  },
  {
    bug: 'who may have forgotten an entry counts as if it never had it',
    file: `${CORE}/repair.ts`,
    source: 'if (isQuorum((voter) => by.get(voter) === true)) return true;',
    replacement: 'if (isQuorum((voter) => by.has(voter))) return true;',
    test: REPAIRS,
  },
  {
    bug: 'who may have forgotten an entry never counts',
    file: `${CORE}/repair.ts`,
    source: 'return isAnswered && isQuorum((voter) => by.has(voter));',
    replacement: 'return isAnswered && isQuorum((voter) => by.get(voter) === true);',
    test: REPAIRS,
  },
  {
    bug: 'a leader counts what a node acknowledged that may have forgotten it',
    file: `${CORE}/amnesia.ts`,
    source: 'member.regress(holds);',
    replacement: '',
    test: AMNESIA,
  },
  {
    bug: 'a log that ends with another entry counts as equal up to there',
    file: `${CORE}/amnesia.ts`,
    source: 'const holds = node.log.matches(index, logTerm) ? index : commit;',
    replacement: 'const holds = index;',
    test: AMNESIA,
  },
  {
    bug: 'who told of an earlier term counts',
    file: `${CORE}/amnesia.ts`,
    source: 'if (end === undefined || end.currentTerm < latest) return false;',
    replacement: 'if (end === undefined) return false;',
    test: AMNESIA,
  },
  {
    bug: 'a node that may have forgotten does not wait for who may lead',
    file: `${CORE}/amnesia.ts`,
    source: 'return !needsLeaders || leader === NO_NODE || leader === node.id || told.has(leader);',
    replacement: 'return true;',
    test: AMNESIA_OF_GROUPS,
  },
  {
    bug: 'a node that may have forgotten waits for a leader that is gone',
    file: `${CORE}/amnesia.ts`,
    source: 'node.becomeFollower(latest + 1, NO_NODE);',
    replacement: '',
    test: AMNESIA_OF_GROUPS,
  },
  {
    bug: 'a denial of an earlier term counts',
    file: `${CORE}/repair.ts`,
    source: "if (isDenial && node.role === 'leader' && response.commit === node.term) denied",
    replacement: "if (isDenial && node.role === 'leader') denied",
    test: REPAIRS,
  },
];

/** Mutants of asynchronous writes, lease reads, priorities, stalled disks and repairs. */
export const RAFT_ASYNC_MUTANTS = mutantsOfFiles(ROWS);
