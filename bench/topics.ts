import { median, type Bench, type Measurements } from './harness.js';
import { TopicSwarm, deliveryAmong } from './topics/swarm.js';

export interface TopicsSize {
  readonly members: number;
  /** Of them, those that are killed and started again, all the time. */
  readonly churning: number;
  /** That each member publishes, one each `everyMs`, of so many bytes. */
  readonly messages: number;
  readonly everyMs: number;
  readonly bytes: number;
}

const usual: TopicsSize = { members: 15, churning: 4, messages: 150, everyMs: 200, bytes: 256 };
/** How long a killed member stays away. */
const AWAY_MS = 1_000;
const PATIENCE_MS = 180_000;
/** The last messages may still be asked for: six heartbeats of gossipsub. */
const SETTLE_MS = 8_000;

/**
 * Topics among processes on the loopback, each connected with the three before and the three behind
 * it in a ring: how many of the messages of those that lived throughout reached all others of them.
 * One subject at rest, one while a part of the processes is killed with SIGKILL, one after the other,
 * and started again with the same key and port.
 */
export function topicsBench(size: TopicsSize = usual): Bench {
  return {
    description: `topics among ${size.members} processes, ${size.churning} of them killed again and again`,
    roundsDefault: 1,
    metrics: {
      messages: 'messages',
      'reached-all': '%',
      delivered: '%',
      'latency-median': 'ms',
      'latency-p99': 'ms',
      kills: 'kills',
    },
    subjects: [
      { name: 'at rest', run: () => measure(size, false) },
      { name: 'under churn', run: () => measure(size, true) },
    ],
    ratios: [],
    notes: () => [
      'counted are the messages and the subscribers of the processes that are never killed in either subject',
      'latency is from the call of publish to the reader; all processes share the machine',
    ],
  };
}

async function measure(size: TopicsSize, isChurning: boolean): Promise<Measurements> {
  const swarm = new TopicSwarm(size.members);
  try {
    await swarm.start();
    const isConnected = async (): Promise<boolean> =>
      (await swarm.reports()).every(
        ({ neighbours }) => neighbours >= Math.min(6, size.members - 1),
      );
    await until('all members are connected', isConnected);
    // Spread over the ring, so that no member loses all its neighbours.
    const every = Math.floor(size.members / size.churning);
    const churning = swarm.members.filter((_, at) => at % every === 0).slice(0, size.churning);
    const steady = swarm.members.filter((member) => !churning.includes(member));
    const publish = { count: size.messages, everyMs: size.everyMs, bytes: size.bytes };
    for (const member of steady) await member.ask({ publish });
    let kills = 0;
    const isDone = async (): Promise<boolean> =>
      (await swarm.reports(steady)).every(({ isPublishing }) => !isPublishing);
    for (;;) {
      if (!isChurning || (await isDone())) break;
      const member = churning[kills % churning.length]!;
      member.kill();
      kills += 1;
      await pause(AWAY_MS);
      await swarm.startMember(member);
      await member.ask({ publish });
    }
    await until('all have published', isDone);
    await pause(SETTLE_MS);
    const found = deliveryAmong(steady, await swarm.reports(steady));
    const sorted = found.latenciesMs.toSorted((a, b) => a - b);
    return {
      messages: found.messages,
      'reached-all': (found.toAll / found.messages) * 100,
      delivered: (found.got / found.wanted) * 100,
      'latency-median': median(sorted),
      'latency-p99': sorted[Math.floor(sorted.length * 0.99)]!,
      kills,
    };
  } finally {
    swarm.close();
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not in ${PATIENCE_MS} ms`);
    await pause(100);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
