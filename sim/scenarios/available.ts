/** Available namespaces of nodes under faults: members become the same, and what was acknowledged stays. */
import {
  AvailableProcess,
  type AvailableMessage,
  type AvailableSettings,
  nameOf,
} from '../available/available-process.js';
import type { AvailableStored } from '../available/simulated-log.js';
import { defineScenario } from '../define/define-scenario.js';
import type { View } from '../define/definition.js';
import { clockFaultKinds, networkFaultKinds } from '../nemesis/index.js';

/** A write of a client, as it stands in a plan file. */
type Asked = {
  readonly key: string;
  readonly isDelete: boolean;
  readonly expiresInMs: number | null;
};
type AvailableView = View<AvailableSettings, AvailableProcess, Asked, boolean>;

/** Few, so that writes meet. */
const KEYS = ['a', 'b', 'c'] as const;
const SECOND = 1_000_000;

/** What they say may differ by what their clocks take for expired; until all of that is removed. */
function areEqual({ processes }: AvailableView): string | undefined {
  const all = [...processes.values()];
  const states = new Set(all.map(({ state }) => state));
  if (states.size > 1) return `there are ${states.size} different states`;
  const left = Math.max(...all.map((process) => process.left));
  return left > 0 ? `${left} memories that have expired are still there` : undefined;
}

function keepsAcknowledged({ processes }: AvailableView): string | undefined {
  for (const [name, process] of processes) {
    for (const key of process.ledger.keys) {
      const wrong = process.ledger.judge(key, new Set(process.textsOf(key)));
      if (wrong !== undefined) return `at ${name}, ${wrong}`;
    }
  }
  return undefined;
}

/** The classes of nodes with partitions, one-way links, crashes, disks that fail and clocks that jump. */
export const availableScenario = defineScenario<
  AvailableSettings,
  AvailableMessage,
  AvailableStored,
  AvailableProcess,
  Asked,
  boolean
>({
  name: 'available',
  summary: 'Available namespaces of nodes, written at every member, partitioned or not',
  probes: [
    'restarted',
    'opened-again',
    'file',
    'pieces',
    'whole-state',
    'clock-refused',
    'conflict',
  ],
  settings: (random) => ({
    members: random.pick([2, 3, 3, 5]),
    framesMax: random.pick([2, 8, 1_000]),
    // A call is lost as a message is, which QUIC would send again: many pieces would never arrive.
    pieceBytes: random.pick([1_500, 4_000, 1_000_000]),
    joinsAtMicroseconds: random.pick([0, 3 * SECOND, 10 * SECOND]),
    // An update that is a minute ahead of the clock of who gets it has to wait.
    clockErrorMsMax: random.pick([5_000, 25_000, 80_000]),
  }),
  nodes: ({ members }) => Array.from({ length: members }, (_, at) => nameOf(at + 1)),
  program: (_name, setup) => ({
    start: (disk, context) => new AvailableProcess(setup, disk, context),
  }),
  client: {
    request: ({ key, isDelete, expiresInMs }, { id, client, attempt, nodes }) => ({
      to: nodes[(client + attempt) % nodes.length]!,
      // Each try is a write of its own, since another member may have done the one before.
      message: {
        kind: 'ask',
        id,
        key,
        content: isDelete ? null : `${id}#${attempt}`,
        expiresInMs,
      },
    }),
    answer: (message, { id }) => {
      if (message.kind === 'refused' && message.id === id) return 'refused';
      return message.kind === 'done' && message.id === id ? { output: true } : undefined;
    },
    attemptsMax: 40,
  },
  operations: {
    clients: ({ members }) => members,
    meanPauseMicroseconds: 250_000,
    draw: (random) => {
      const [key, isDelete] = [random.pick(KEYS), random.chance(0.2)];
      const expires = !isDelete && random.chance(0.2);
      return { key, isDelete, expiresInMs: expires ? random.integer(0, 4_000) : null };
    },
  },
  faults: {
    kinds: [
      ...networkFaultKinds,
      ...clockFaultKinds,
      'crash',
      'pause',
      'disk-stall',
      'disk-full',
      'sync-failure',
    ],
  },
  livenessSeconds: 60,
  settled: (view) => view.processes.size === view.nodes.length && areEqual(view) === undefined,
  atEnd: { 'available-convergence': areEqual, 'acknowledged-writes': keepsAcknowledged },
  describe: (message) => {
    if (message.kind === 'call') {
      return 'messages' in message.payload ? 'messages' : `piece at ${message.payload.piece.at}`;
    }
    if (message.kind === 'ask') return `ask ${message.id}: ${message.content ?? 'delete'}`;
    return message.kind === 'answer' ? message.how : `${message.kind} ${message.id}`;
  },
  simplify: (own) => [
    ...(own.members > 2 ? [{ ...own, members: own.members - 1 }] : []),
    ...(own.joinsAtMicroseconds > 0 ? [{ ...own, joinsAtMicroseconds: 0 }] : []),
    ...(own.pieceBytes < 1_000_000 ? [{ ...own, pieceBytes: 1_000_000 }] : []),
  ],
});
