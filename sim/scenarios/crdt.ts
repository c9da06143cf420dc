/** Replicated data under faults: replicas become the same, and what was acknowledged stays. */
import {
  type Field,
  type Mutation,
  type VersionVector,
  covers,
  readSet,
} from '../../consensus/crdt/index.js';
import { CrdtConvergence } from '../checkers/crdt-convergence.js';
import { Violation } from '../checkers/violation.js';
import {
  type CrdtMessage,
  type CrdtSettings,
  type CrdtStored,
  ReplicaProcess,
  type UpdateName,
} from '../crdt/replica-process.js';
import { defineScenario } from '../define/define-scenario.js';
import type { View } from '../define/definition.js';
import type { Json } from '../explore/plan.js';
import { clockFaultKinds, networkFaultKinds } from '../nemesis/index.js';
import type { RandomStream } from '../world/index.js';

/** A mutation, as it stands in a plan file. */
type Asked = { readonly mutation: Json };
type CrdtView = View<CrdtSettings, ReplicaProcess, Asked, UpdateName | null>;

const DAY_MS = 86_400_000;
const KEYS = ['a', 'b'] as const;
/** Elements of this set are never removed, and each is added once. */
const KEPT: readonly Field[] = [{ kind: 'set', key: 'kept' }];

function drawMutation(random: RandomStream): Mutation {
  const key = random.pick(KEYS);
  const inMap = (kind: Field['kind']): Field[] => [
    { kind: 'map', key },
    { kind, key },
  ];
  const element = random.pick(['x', 'y', 'z']);
  switch (random.integer(0, 7)) {
    case 0:
      return { type: 'count', path: [{ kind: 'counter', key }], by: random.integer(-3, 5) };
    case 1:
      return { type: 'assign', path: inMap('last-write'), value: random.integer(0, 99) };
    case 2:
      return { type: 'write', path: inMap('multi-value'), value: element };
    case 3:
      return { type: 'remove', path: inMap('set'), element };
    case 4:
      return { type: 'delete', path: [{ kind: 'map', key }] };
    case 5:
      return { type: 'add', path: inMap('set'), element };
    default:
      return { type: 'add', path: KEPT, element: `${random.integer(0, 1e9)}` };
  }
}

/** What the checkers of one run remember. */
class Seen {
  readonly #convergence = new CrdtConvergence();
  readonly #lives = new Map<
    ReplicaProcess,
    { name: string; changes: number; version: VersionVector }
  >();

  /** Reports what is new at each replica since the last event. */
  look({ processes }: CrdtView): void {
    for (const [name, process] of processes) {
      const life = this.#lives.get(process);
      if (life?.changes === process.changes) continue;
      // Each life is a replica of its own: a crash takes away what was not on the disk.
      const known = life ?? { name: `${name}#${this.#lives.size}`, version: new Map() };
      const version = new Map(process.replica.version);
      // Nobody else has own updates that are not durable; a crash forgets them, and their numbers come again.
      const kept = process.replica.durable.get(name) ?? 0;
      const isWritten = (version.get(name) ?? 0) <= kept;
      version.set(name, kept);
      let isNew = life === undefined;
      for (const [replica, sequence] of version) {
        for (let at = (known.version.get(replica) ?? 0) + 1; at <= sequence; at += 1) {
          this.#convergence.delivered(known.name, `${replica}/${at}`);
          isNew = true;
        }
      }
      this.#lives.set(process, { name: known.name, changes: process.changes, version });
      if (isNew && isWritten) this.#convergence.holds(known.name, textOf(process.replica.state));
    }
  }
}

const runs = new WeakMap<CrdtView, Seen>();

function converge(view: CrdtView): string | undefined {
  let seen = runs.get(view);
  if (seen === undefined) {
    seen = new Seen();
    runs.set(view, seen);
  }
  try {
    seen.look(view);
    return undefined;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}

/** An update that a client was told of is at the replica that told it, through each crash. */
function keepsAcknowledged({ processes, history }: CrdtView): string | undefined {
  for (const { output } of history) {
    if (output === null || output === undefined) continue;
    const process = processes.get(output.replica);
    if (process === undefined || covers(process.replica.durable, output)) continue;
    return `${output.replica} has lost its update ${output.sequence}, which it had acknowledged`;
  }
  return undefined;
}

function isEverywhere(view: CrdtView): string | undefined {
  for (const { input, output } of view.history) {
    if (output === null || output === undefined) continue;
    for (const [name, { replica }] of view.processes) {
      if (!covers(replica.durable, output)) {
        return `${name} lacks update ${output.sequence} of ${output.replica}`;
      }
      const mutation = input.mutation as unknown as Mutation;
      if (mutation.type !== 'add' || mutation.path[0]?.key !== 'kept') continue;
      if (!readSet(replica.root, KEPT).includes(mutation.element)) {
        return `${name} lacks the element ${mutation.element}, which nobody has removed`;
      }
    }
  }
  const states = new Set([...view.processes.values()].map(({ replica }) => textOf(replica.state)));
  return states.size === 1 ? undefined : `there are ${states.size} different states`;
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Partitions, one-way links, copies, crashes and clocks that jump, over the types of the core. */
export const crdtScenario = defineScenario<
  CrdtSettings,
  CrdtMessage,
  CrdtStored,
  ReplicaProcess,
  Asked,
  UpdateName | null
>({
  name: 'crdt',
  summary: 'Counters, registers, sets and maps that every replica changes, partitioned or not',
  probes: [
    'restarted',
    'snapshot',
    'whole-state',
    'clock-refused',
    'own-clock-refused',
    'collected',
  ],
  settings: (random) => ({
    replicas: random.pick([2, 3, 3, 5]),
    recordsPerSnapshot: random.pick([4, 16, 1_024]),
    // With clocks that are days apart nobody would hear of anything for days, so either the bound is
    // wide, or the clocks are no further apart than an update can wait for within a run.
    ...random.pick([
      { driftMsMax: 2 * DAY_MS, clockErrorMsMax: DAY_MS },
      { driftMsMax: 2_000, clockErrorMsMax: 5_000 },
    ]),
  }),
  nodes: ({ replicas }) => Array.from({ length: replicas }, (_, at) => `replica-${at + 1}`),
  program: (_name, setup) => ({
    start: (disk, context) => new ReplicaProcess(setup, disk, context),
  }),
  client: {
    request: ({ mutation }, { id, client, attempt, nodes }) => ({
      to: nodes[(client + attempt) % nodes.length]!,
      message: { kind: 'ask', id, mutation: mutation as unknown as Mutation },
    }),
    answer: (message, { id }) => {
      if (message.kind === 'refused' && message.id === id) return 'refused';
      return message.kind === 'done' && message.id === id ? { output: message.update } : undefined;
    },
    // A replica that is alone answers too; one that is down does not.
    attemptsMax: 40,
  },
  operations: {
    clients: ({ replicas }) => replicas,
    meanPauseMicroseconds: 200_000,
    draw: (random) => ({ mutation: drawMutation(random) as unknown as Json }),
  },
  faults: { kinds: [...networkFaultKinds, ...clockFaultKinds, 'crash', 'pause', 'disk-stall'] },
  invariants: {
    'crdt-convergence': converge,
    'acknowledged-updates': keepsAcknowledged,
  },
  settled: (view) => view.processes.size === view.nodes.length && isEverywhere(view) === undefined,
  atEnd: { 'crdt-convergence': isEverywhere },
  describe: (message) => {
    if (message.kind === 'core') return `${message.bytes.length} bytes of the core`;
    if (message.kind === 'ask') return `ask ${message.id}: ${message.mutation.type}`;
    return `${message.kind} ${message.id}`;
  },
  simplify: (own) => (own.replicas > 2 ? [{ ...own, replicas: own.replicas - 1 }] : []),
});
