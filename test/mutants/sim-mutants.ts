import { BFT_MUTANTS } from './bft-mutants.js';
import { RAFT_ASYNC_MUTANTS } from './raft-async.js';
import { RAFT_MUTANTS } from './raft-mutants.js';
import type { SourceMistake } from './source-mutant.js';

/** A mistake that runs of a scenario must notice. */
export interface SimMutant extends SourceMistake {
  /** Number of the named bug that it brings back, null for one that has no number. */
  readonly bug: number | null;
  readonly scenario: string;
}

/** Named bugs as the tests of the core bring them back. */
const NAMED: readonly SimMutant[] = RAFT_MUTANTS.map((mutant) => ({ ...mutant, scenario: 'raft' }));

/** A row of the table of asynchronous writes, leases, priorities and stalled disks. */
function ofCore(bug: number | null, name: string): SimMutant {
  const mutant = RAFT_ASYNC_MUTANTS.find((row) => row.name === name);
  if (mutant === undefined) throw new Error(`raft-async has no mutant "${name}"`);
  return { ...mutant, bug, scenario: 'raft' };
}

const MORE: readonly SimMutant[] = [
  ofCore(10, 'a restarted follower has forgotten its promise'),
  ofCore(10, 'a later term ends a promise'),
  ofCore(14, 'a stalled disk is not noticed'),
  ofCore(14, 'a leader with a stalled disk stays if nobody takes over'),
  {
    bug: 15,
    name: 'a node whose disk lied is content with one answer too few',
    file: 'consensus/raft/amnesia.ts',
    source: 'return silent < quorum - 1;',
    replacement: 'return silent < quorum;',
    scenario: 'raft',
  },
  {
    bug: 27,
    name: 'a leader answers reads without asking anybody',
    file: 'consensus/raft/reading.ts',
    source: "if (outcome !== 'won') return;",
    replacement: '',
    scenario: 'raft',
  },
  ofCore(28, 'a lease is measured from the answer'),
  {
    bug: 29,
    name: 'waits for a snapshot whose transfer has failed',
    file: 'consensus/raft/replication.ts',
    source: 'if (!ok) member.pendingSnapshot = 0;',
    replacement: 'if (!ok) return;',
    scenario: 'raft',
  },
  {
    bug: 29,
    name: 'begins a snapshot again when one block is late',
    file: 'sim/raft/snapshot-transfers.ts',
    source: '    this.#askNext(this.#incoming);\n  }\n\n  #takeOffer',
    replacement: '    this.#incoming.taken.length = 0;this.#askNext(this.#incoming);}#takeOffer',
    scenario: 'raft',
  },
  ofCore(30, 'a lease outlasts a clock that went back'),
  ofCore(null, 'the write of a new term without entries vouches for nothing'),
  ofCore(null, 'own answers count before they are durable'),
  ofCore(null, 'the own vote counts before it is written'),
];

const SESSIONS = 'nodes/control-plane/sessions.ts';

const CRDT: readonly SimMutant[] = [
  {
    bug: null,
    name: 'a mutation is confirmed before it is durable',
    file: 'consensus/crdt/replica.ts',
    source: '    this.#delayed.push({\n      number: this.#number,\n      effect: { type:',
    replacement:
      "    this.#effects.push({ type: 'done', token, dot });\n" +
      '    this.#delayed.push({\n      number: this.#number,\n      effect: { type:',
    scenario: 'crdt',
  },
  {
    bug: null,
    name: 'an update is told before it is durable',
    file: 'consensus/crdt/replica.ts',
    source: 'this.#log.missing(version, this.#durable)',
    replacement: 'this.#log.missing(version, this.#version)',
    scenario: 'crdt',
  },
  {
    bug: null,
    name: 'updates are dropped that a member lacks, and the state of before is sent',
    file: 'consensus/crdt/replica.ts',
    source: 'if (this.#log.reaches(version)) {',
    replacement: 'if (this.#log.base.size >= 0) {',
    scenario: 'crdt',
  },
  {
    bug: null,
    name: 'what was removed there comes back by a join',
    file: 'consensus/crdt/value.ts',
    source: 'const kept = a.filter((dot) => isIn(dot, b) || !covers(bVersion, dot));',
    replacement: 'const kept = a.filter((dot) => isIn(dot, b) || bVersion.size >= 0 || !!dot);',
    scenario: 'crdt',
  },
  {
    bug: null,
    name: 'a snapshot leaves out the updates that others lack',
    file: 'consensus/crdt/replica.ts',
    source: 'updates: this.#log.all(),',
    replacement: 'updates: [],',
    scenario: 'crdt',
  },
];

/** Members with available namespaces: the classes of nodes. */
const AVAILABLE: readonly SimMutant[] = [
  {
    bug: null,
    name: 'a write of a namespace is answered before it is on the disk',
    file: 'nodes/available/namespace-core.ts',
    source: "this.#ports.write({ kind: 'update', bytes: effect.record }, effect.number);",
    replacement:
      "this.#ports.write({ kind: 'update', bytes: effect.record }, effect.number);\n" +
      "        this.#step({ type: 'persisted', number: effect.number });",
    scenario: 'available',
  },
  {
    bug: null,
    name: 'a namespace goes on after its disk has failed',
    file: 'nodes/available/namespace-core.ts',
    source: '    this.#failure ??= error;\n',
    replacement: '    void error;\n',
    scenario: 'available',
  },
  {
    bug: null,
    name: 'messages of namespaces that were lost are never made up for',
    file: 'nodes/available/exchange.ts',
    source:
      'for (const namespace of namespaces) if (namespace.isUsable) namespace.compare(ordered);',
    replacement: 'void ordered;',
    scenario: 'available',
  },
  {
    bug: null,
    name: 'a large message of a namespace whose piece was lost is on its way for ever',
    file: 'nodes/available/outbox.ts',
    source: '        else box.isLarge = false;\n',
    replacement: '',
    scenario: 'available',
  },
  {
    bug: null,
    name: 'calls of namespaces that nobody answers are never over',
    file: 'nodes/available/outbox.ts',
    source: '      box.calls -= 1;\n',
    replacement: "      if (how === 'answered') box.calls -= 1;\n",
    scenario: 'available',
  },
];

/** The state machine of a swarm: sessions, rollout, replica. */
const SWARM: readonly SimMutant[] = [
  {
    bug: null,
    name: 'a retry is applied as a new write',
    file: SESSIONS,
    source: "if (known !== undefined) return { kind: 'retry', answer: known };",
    replacement: '',
    scenario: 'client-sessions',
  },
  {
    bug: null,
    name: 'a late copy of an acknowledged write is applied',
    file: SESSIONS,
    source: 'if (sequence < session.awaitedFrom) return',
    replacement: 'if (sequence < 0) return',
    scenario: 'client-sessions',
  },
  {
    bug: null,
    name: 'a write of an unknown session is applied',
    file: SESSIONS,
    source:
      "if (session?.owner !== write.owner) return { kind: 'refused', refusal: 'session-unknown' };",
    replacement:
      "if (session === undefined) return { kind: 'new', answer: { index, outcome: 'ok' } };",
    scenario: 'client-sessions',
  },
  {
    bug: null,
    name: 'a client sends writes of unknown fate again in a new session',
    file: 'sim/scenarios/session-client.ts',
    source: 'if (other === write && write.sends === 1) this.#again.push(other);',
    replacement: 'if (other !== null) this.#again.push(other);',
    scenario: 'client-sessions',
  },
  {
    bug: null,
    name: 'nothing expires',
    file: SESSIONS,
    source: 'if (state.clockMs - usedAtMs < sessionTimeoutMs) break;',
    replacement: 'if (usedAtMs >= 0) break;',
    scenario: 'client-sessions',
  },
  {
    bug: null,
    name: 'use does not prolong a session',
    file: SESSIONS,
    source: '  session.usedAtMs = state.clockMs;\n  state.sessions.delete(id);',
    replacement: '  state.sessions.delete(id);',
    scenario: 'calm-sessions',
  },
  {
    bug: null,
    name: 'the time of a leader follows a clock that jumps',
    file: 'nodes/control-plane/leader-clock.ts',
    source: 'const addedMs = passedMs > 0 ? Math.min(passedMs, addedMsMax) : 0;',
    replacement: 'const addedMs = passedMs;',
    scenario: 'calm-sessions',
  },
  {
    bug: null,
    name: 'the staged store joins without catching up',
    file: 'sim/scenarios/simulated-rollout.ts',
    source: 'while (staged.appliedIndex < replica.appliedIndex) {',
    replacement: 'while (staged.appliedIndex < 0) {',
    scenario: 'rolling-migration',
  },
  {
    bug: null,
    name: 'only the first engine is fed',
    file: 'nodes/engines.ts',
    source: 'for (const engine of this.#open.values()) {\n      const known',
    replacement: 'for (const engine of [...this.#open.values()].slice(0, 1)) {\n      const known',
    scenario: 'rolling-migration',
  },
  {
    bug: null,
    name: 'votes and acknowledgements leave before the sync',
    file: 'sim/scenarios/swarm-node.ts',
    source: 'this.#writing.push(ready);',
    replacement: 'for (const message of this.replica.written(ready)) this.#send(message);',
    scenario: 'rolling-migration',
  },
  {
    bug: null,
    name: 'reads are served without asking the leader',
    file: 'nodes/replica/replica.ts',
    source: "const input = { type: 'readIndex', context } as const;",
    replacement: 'return void this.#waitingReads.push({ context, index: 0 });',
    scenario: 'rolling-migration',
  },
  {
    bug: null,
    name: 'reads are served before the node has applied far enough',
    file: 'nodes/replica/replica.ts',
    source: 'const served = this.#waitingReads.filter((read) => read.index <= this.#appliedIndex);',
    replacement: 'const served = this.#waitingReads.splice(0);',
    scenario: 'rolling-migration',
  },
  {
    bug: null,
    name: 'the replay of the log does not pass over retries',
    file: 'nodes/replica/replica.ts',
    source: ' || this.#passedOver.has(index)) continue;',
    replacement: ') continue;',
    scenario: 'rolling-migration',
  },
  {
    bug: null,
    name: 'a report of an earlier epoch finishes a step',
    file: 'nodes/rollout/machine.ts',
    source: 'if (step !== finished.step || node.epoch !== finished.epoch) return',
    replacement: 'if (Number.isNaN(step)) return',
    scenario: 'rolling-upgrade',
  },
  {
    bug: null,
    name: 'more nodes become unavailable than the plan says',
    file: 'nodes/rollout/turns.ts',
    source: 'return Math.max(0, Math.min(limits.maxUnavailable, most) -',
    replacement: 'return Math.max(0, most + nodes.length -',
    scenario: 'rolling-upgrade',
  },
  {
    bug: null,
    name: 'a way back ends before every node is back',
    file: 'nodes/rollout/going-back.ts',
    source: "if (rollout.status !== 'rollingBack' || rollout.nodes.some(hasSwitched)) return;",
    replacement: "if (rollout.status !== 'rollingBack') return;",
    scenario: 'rolling-upgrade',
  },
  {
    bug: null,
    name: 'a way back leaves members on the new engine',
    file: 'nodes/control-plane/apply-rollout.ts',
    source: "for (const member of state.members.values()) member.engine = 'v1';",
    replacement: '',
    scenario: 'rolling-upgrade',
  },
  {
    bug: null,
    name: 'a node reports a switch that its process has not made',
    file: 'sim/scenarios/simulated-rollout.ts',
    source: 'if (this.#node.release === wanted) return true;',
    replacement: 'if (wanted) return true;',
    scenario: 'rolling-upgrade',
  },
];

/** Those of the Tendermint core that the simulator can see. */
const BYZANTINE: readonly SimMutant[] = BFT_MUTANTS.flatMap((mutant) =>
  mutant.scenario === null ? [] : [{ ...mutant, bug: null, scenario: mutant.scenario }],
);

/** Mistakes in our own cores, each of which the simulator must find. */
export const SIM_MUTANTS: readonly SimMutant[] = [
  ...NAMED,
  ...MORE,
  ...CRDT,
  ...AVAILABLE,
  ...SWARM,
  ...BYZANTINE,
];
