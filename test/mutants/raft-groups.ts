import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const quiescence = 'consensus/raft/quiescence.ts';
const groups = 'consensus/raft-groups/groups.ts';
const unit = 'test/consensus/raft/quiescence.test.ts';
const waking = 'test/consensus/raft/waking.test.ts';

const rows: readonly FileMutant[] = [
  {
    bug: 'a member of an older release, which echoes the question, counts as a yes',
    file: quiescence,
    source: "  if (context === formatMark('ask', quiescence.round)) {",
    replacement: "  if (context === formatMark('ask', quiescence.round + 1)) {",
    test: unit,
  },
  {
    bug: 'an answer to an earlier question counts',
    file: quiescence,
    source: "  } else if (context === formatMark('yes', quiescence.round)) {",
    replacement: "  } else if (parseMark(context)?.kind === 'yes') {",
    test: unit,
  },
  {
    bug: 'one yes is enough',
    file: quiescence,
    source: '    if (id !== node.id && !quiescence.agreed.has(id)) return;',
    replacement: '    if (id !== node.id && quiescence.agreed.size === 0) return;',
    test: unit,
  },
  {
    bug: 'a member sleeps when told to although something happened since it agreed',
    file: quiescence,
    source: "    if (quiescence.agreedTo !== round || !isSame) return '';",
    replacement: "    if (!isSame) return '';",
    test: unit,
  },
  {
    bug: 'a late copy of a question is agreed to again, and a dead leader puts a member to sleep',
    file: quiescence,
    source: '  if (round > quiescence.lastAsk) {',
    replacement: '  if (round >= quiescence.lastAsk) {',
    test: unit,
  },
  {
    bug: 'a leader that wakes counts answers of before it slept for the quorum check',
    file: quiescence,
    source: '    if (id !== node.id) member.recentActive = false;',
    replacement: '    if (id === node.id) member.recentActive = false;',
    test: waking,
  },
  {
    bug: 'a leader that wakes has no whole election timeout, and members campaign at once',
    file: quiescence,
    source: '  node.electionElapsed = 0;\n  node.heartbeatElapsed = 0;',
    replacement: '  node.heartbeatElapsed = 0;',
    test: waking,
  },
  {
    bug: 'a lease of before the sleep answers a read',
    file: quiescence,
    source: '  node.leaseFromMs = -Infinity;',
    replacement: '',
    test: waking,
  },
  {
    bug: 'a member sleeps with entries that it has not applied',
    file: quiescence,
    source:
      '  if (log.commit !== index || log.applied !== index || log.persisted !== index) return false;',
    replacement: '  if (log.commit !== index || log.persisted !== index) return false;',
    test: unit,
  },
  {
    bug: 'the loss of the leader does not wake',
    file: quiescence,
    source:
      "      if (node.role !== 'leader' && input.peer === node.leader) noteActivity(node, false);",
    replacement: '',
    test: waking,
  },
  {
    bug: 'a learner that starts in a group that sleeps never hears of its leader',
    file: 'consensus/raft/ticking.ts',
    source: '    seekLeader(node);\n',
    replacement: '',
    test: waking,
  },
  {
    bug: 'a group that falls asleep under a leader known to be gone sleeps for ever',
    file: groups,
    source: '    if (node.isQuiescent && this.#gone.has(node.leader)) {',
    replacement: '    if (node.isQuiescent && this.#gone.has(0)) {',
    test: 'test/consensus/raft-groups/groups.test.ts',
  },
  {
    bug: 'ticks go to groups that sleep',
    file: groups,
    source: '    this.#awake.delete(member);\n    let sleepers',
    replacement: '    let sleepers',
    test: 'test/consensus/raft-groups/groups.test.ts',
  },
  {
    bug: 'heartbeats of one group wait behind the appends of another one',
    file: 'consensus/raft-groups/outbox.ts',
    source: 'keepsOrder(message) === inOrder',
    replacement: 'inOrder',
    test: 'test/consensus/raft-groups/envelope.test.ts',
  },
  {
    bug: 'an envelope may speak for another node',
    file: 'consensus/raft-groups/envelope.ts',
    source:
      "    if (message.from !== from || message.to !== to) throw bad('a message is of another node');",
    replacement: '',
    test: 'test/consensus/raft-groups/envelope.test.ts',
  },
  {
    bug: 'a later write is reported before an earlier one is durable',
    file: 'nodes/log-writes.ts',
    source: '    this.#last = Promise.all([previous, done]).then(() => {',
    replacement: '    this.#last = done.then(() => {',
    test: 'test/nodes/log-writes.test.ts',
  },
];

/** Mutants of quiescence and of the groups of a node. */
export const RAFT_GROUPS_MUTANTS = mutantsOfFiles(rows);
