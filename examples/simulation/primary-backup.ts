/**
 * A replicated counter of a user's own making, with a mistake. One primary, fixed for good, takes
 * all operations. It writes an addition to its disk, sends the new sum to its backups, and answers
 * when a majority of the replicas holds it. What it was asked it remembers by the id of the
 * request, so that a client that asks again is not counted twice.
 *
 * The mistake: with `remembersOnDisk` off the ids live in memory only, so a primary that starts
 * again has forgotten them, while the sum is still there.
 */
import { defineScenario } from '../../sim/index.js';
import type { Context, DiskView, Process, Scenario, Setup } from '../../sim/index.js';
import { counter } from './counter.js';
import type { CounterOperation } from './counter.js';

export type CounterMessage =
  | { readonly kind: 'ask'; readonly id: string; readonly operation: CounterOperation }
  | { readonly kind: 'answer'; readonly id: string; readonly sum: number }
  | { readonly kind: 'copy'; readonly version: number; readonly sum: number }
  | { readonly kind: 'copied'; readonly version: number };

interface Stored {
  readonly version: number;
  readonly sum: number;
  /** The sum that was answered, by the id of the request. */
  readonly answers: Readonly<Record<string, number>>;
}

type Own = {
  readonly replicas: number;
  /** Whether the answers given are stored with the sum. */
  readonly remembersOnDisk: boolean;
};

const COPY_AGAIN_MICROSECONDS = 200_000;

/** The counter without what was answered: all that a backup needs. */
interface Copy {
  readonly version: number;
  readonly sum: number;
}

/** A request that waits until a majority holds its version. */
interface Waiting {
  readonly client: string;
  readonly id: string;
  readonly version: number;
  readonly sum: number;
}

export class Replica implements Process<CounterMessage> {
  readonly #setup: Setup<Own>;
  readonly #context: Context<CounterMessage, Stored>;
  readonly #isPrimary: boolean;
  #version: number;
  #sum: number;
  #answers: Record<string, number>;
  /** What is on this disk for good: only that is told to others. */
  #durable: Copy;
  /** What was written after it, oldest first. */
  readonly #writing: Copy[] = [];
  #waiting: Waiting[] = [];
  /** The newest version that each backup is known to hold. */
  readonly #copied = new Map<string, number>();

  constructor(setup: Setup<Own>, disk: DiskView<Stored>, context: Context<CounterMessage, Stored>) {
    const stored = disk.get('counter') ?? { version: 0, sum: 0, answers: {} };
    this.#setup = setup;
    this.#context = context;
    this.#isPrimary = context.name === setup.nodes[0];
    this.#version = stored.version;
    this.#durable = { version: stored.version, sum: stored.sum };
    this.#sum = stored.sum;
    this.#answers = { ...stored.answers };
    if (this.#isPrimary) {
      if (stored.version > 0) setup.reach('primary-restarted');
      this.#copy();
    }
  }

  get version(): number {
    return this.#version;
  }

  get sum(): number {
    return this.#sum;
  }

  onMessage(from: string, message: CounterMessage): void {
    if (message.kind === 'ask') this.#ask(from, message.id, message.operation);
    if (message.kind === 'copy') this.#take(message.version, message.sum);
    if (message.kind === 'copied') {
      this.#copied.set(from, Math.max(message.version, this.#copied.get(from) ?? 0));
      this.#answerWhatIsSafe();
    }
  }

  onTick(): void {
    this.#copy();
  }

  onDiskSynced(version: number): void {
    while (this.#writing.length > 0 && this.#writing[0]!.version <= version) {
      this.#durable = this.#writing.shift()!;
    }
    if (this.#isPrimary) {
      this.#copy();
      this.#answerWhatIsSafe();
    } else {
      this.#context.send(this.#setup.nodes[0]!, { kind: 'copied', version });
    }
  }

  #ask(client: string, id: string, operation: CounterOperation): void {
    const answered = this.#answers[id];
    if (answered !== undefined) {
      this.#setup.reach('asked-again');
    } else if ('add' in operation) {
      this.#version += 1;
      this.#sum += operation.add;
    }
    const sum = answered ?? this.#sum;
    this.#answers[id] = sum;
    this.#waiting.push({ client, id, version: this.#version, sum });
    this.#store();
  }

  /** A backup takes over what is newer than what it has. */
  #take(version: number, sum: number): void {
    if (version > this.#version) {
      this.#version = version;
      this.#sum = sum;
      this.#store();
    } else if (version <= this.#durable.version) {
      this.#context.send(this.#setup.nodes[0]!, { kind: 'copied', version });
    }
  }

  #store(): void {
    const answers = this.#setup.settings.remembersOnDisk ? { ...this.#answers } : {};
    this.#writing.push({ version: this.#version, sum: this.#sum });
    this.#context.write('counter', { version: this.#version, sum: this.#sum, answers });
    this.#context.sync(this.#version);
  }

  /** Sends the sum to the backups, and again until they have it. */
  #copy(): void {
    const copy = { kind: 'copy', ...this.#durable } as const;
    for (const backup of this.#setup.nodes.slice(1)) {
      if ((this.#copied.get(backup) ?? 0) < copy.version) this.#context.send(backup, copy);
    }
    this.#context.setTimer(COPY_AGAIN_MICROSECONDS, 'copy');
  }

  #answerWhatIsSafe(): void {
    const isSafe = ({ version }: Waiting): boolean => {
      const backups = this.#setup.nodes.slice(1);
      const holders = backups.filter((backup) => (this.#copied.get(backup) ?? 0) >= version);
      return (
        this.#durable.version >= version && 2 * (holders.length + 1) > this.#setup.nodes.length
      );
    };
    for (const { client, id, sum } of this.#waiting.filter(isSafe)) {
      this.#context.send(client, { kind: 'answer', id, sum });
    }
    this.#waiting = this.#waiting.filter((waiting) => !isSafe(waiting));
  }
}

/** The scenario of the counter; `isMended`: the answers given are stored with the sum. */
export function primaryBackupCounter({ isMended }: { readonly isMended: boolean }): Scenario {
  return defineScenario<Own, CounterMessage, Stored, Replica, CounterOperation, number>({
    name: isMended ? 'mended-counter' : 'forgetful-counter',
    summary: 'A counter on a primary with backups; clients ask again until they are answered',
    probes: ['primary-restarted', 'asked-again'],
    settings: (random) => ({ replicas: random.pick([3, 3, 5]), remembersOnDisk: isMended }),
    nodes: ({ replicas }) => Array.from({ length: replicas }, (_, i) => `replica-${i + 1}`),
    program: (_name, setup) => ({
      start: (disk, context) => new Replica(setup, disk, context),
    }),
    client: {
      request: (operation, { id, nodes }) => ({
        to: nodes[0]!,
        message: { kind: 'ask', id, operation },
      }),
      answer: (message, { id }) =>
        message.kind === 'answer' && message.id === id ? { output: message.sum } : undefined,
    },
    operations: {
      clients: 2,
      draw: (random) => (random.chance(0.3) ? { read: true } : { add: random.integer(1, 9) }),
    },
    linearizable: { model: counter },
    invariants: {
      'backups-follow': ({ processes, nodes }) => {
        const primary = processes.get(nodes[0]!);
        if (primary === undefined) return undefined;
        for (const [name, replica] of processes) {
          if (replica.version === primary.version && replica.sum !== primary.sum) {
            return `${name} has the sum ${replica.sum} at version ${replica.version}, not ${primary.sum}`;
          }
        }
        return undefined;
      },
    },
    settled: ({ processes, nodes }) => {
      const versions = new Set([...processes.values()].map(({ version }) => version));
      return processes.size === nodes.length && versions.size === 1;
    },
    describe: (message) => {
      if (message.kind === 'ask') return `ask ${message.id} ${JSON.stringify(message.operation)}`;
      if (message.kind === 'answer') return `answer ${message.id}: ${message.sum}`;
      if (message.kind === 'copy') return `copy v${message.version}: ${message.sum}`;
      return `copied v${message.version}`;
    },
    simplify: (own) => (own.replicas > 3 ? [{ ...own, replicas: 3 }] : []),
  });
}

export default primaryBackupCounter({ isMended: false });
