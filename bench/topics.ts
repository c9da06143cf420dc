import { median, quantile, type Bench, type Measurements } from './harness.js';
import { TopicSwarm, deliveryAmong, type Delivered, type SwarmMember } from './topics/swarm.js';

export interface TopicsSize {
  readonly members: number;
  /** Of them, those that are killed and started again, all the time. */
  readonly churning: number;
  /** That each member publishes, one each `everyMs`, of so many bytes. */
  readonly messages: number;
  readonly everyMs: number;
  readonly bytes: number;
}

const usual: TopicsSize = { members: 15, churning: 4, messages: 100, everyMs: 200, bytes: 256 };
const CHURN = 'under churn';
/** How long a killed member stays away. */
const AWAY_MS = 1_000;
/** Of one subject, from the first start to the last message. */
const SUBJECT_MS_MAX = 100_000;
const LOOK_EVERY_MS = 500;
const PROGRESS_EVERY_MS = 5_000;
/** How long the last messages may still be asked for: six heartbeats of gossipsub, and some. */
const SETTLE_MS_MAX = 8_000;

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
      'latency-max': 'ms',
      kills: 'kills',
    },
    subjects: [
      { name: 'at rest', run: (say) => measure(size, new Progress('at rest', say)) },
      { name: CHURN, run: (say) => measure(size, new Progress(CHURN, say)) },
    ],
    ratios: [],
    goals: ['at rest', CHURN].map((subject) => {
      return { metric: 'reached-all', subject, bound: 'at least', value: 100 };
    }),
    notes: () => [
      'counted are the messages and the subscribers of the processes that are never killed in either subject',
      'latency is from the call of publish to the reader; all processes share the machine',
    ],
  };
}

async function measure(size: TopicsSize, progress: Progress): Promise<Measurements> {
  const swarm = new TopicSwarm(size.members);
  try {
    progress.say(`${size.members} processes are started`);
    await swarm.start();
    const neighboursLeast = Math.min(6, size.members - 1);
    await progress.until('members with all their neighbours', size.members, async () => {
      const all = await swarm.progress();
      return all.filter(({ neighbours }) => neighbours >= neighboursLeast).length;
    });
    // Spread over the ring, so that no member loses all its neighbours.
    const every = Math.floor(size.members / size.churning);
    const churning = swarm.members.filter((_, at) => at % every === 0).slice(0, size.churning);
    const steady = swarm.members.filter((member) => !churning.includes(member));
    const publish = { count: size.messages, everyMs: size.everyMs, bytes: size.bytes };
    for (const member of steady) await member.ask({ publish });
    const wanted = steady.length * size.messages;
    const published = async (): Promise<number> => {
      const all = await swarm.progress(steady);
      return all.reduce((sum, report) => sum + report.published, 0);
    };
    let kills = 0;
    while (progress.subject === CHURN && (await published()) < wanted) {
      const member = churning[kills % churning.length]!;
      member.kill();
      kills += 1;
      await pause(AWAY_MS);
      await swarm.startMember(member);
      await member.ask({ publish });
      progress.step(`${kills} kills; messages published`, await published(), wanted);
    }
    await progress.until('messages published', wanted, published);
    const found = await settled(swarm, steady);
    if (found.latenciesMs.length === 0) throw new Error(`${progress.subject}: no message arrived`);
    return {
      messages: found.messages,
      'reached-all': (found.toAll / found.messages) * 100,
      delivered: (found.got / found.wanted) * 100,
      'latency-median': median(found.latenciesMs),
      'latency-p99': quantile(found.latenciesMs, 0.99),
      'latency-max': quantile(found.latenciesMs, 1),
      kills,
    };
  } finally {
    swarm.close();
  }
}

/** What was delivered once all is, or once nothing is asked for any more. */
async function settled(swarm: TopicSwarm, steady: readonly SwarmMember[]): Promise<Delivered> {
  const deadlineMs = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const found = deliveryAmong(steady, await swarm.reports(steady));
    if (found.got === found.wanted || performance.now() > deadlineMs) return found;
    await pause(LOOK_EVERY_MS);
  }
}

/** Says how far a subject is, and ends one that takes too long with a sentence. */
class Progress {
  readonly subject: string;
  readonly #say: (sentence: string) => void;
  readonly #deadlineMs = performance.now() + SUBJECT_MS_MAX;
  #saidMs = 0;

  constructor(subject: string, say: (sentence: string) => void) {
    this.subject = subject;
    this.#say = say;
  }

  say(sentence: string): void {
    this.#saidMs = performance.now();
    this.#say(`${this.subject}: ${sentence}`);
  }

  /** Throws when the time is over. */
  step(what: string, done: number, wanted: number): void {
    const sentence = `${what}: ${done} of ${wanted}`;
    if (done < wanted && performance.now() > this.#deadlineMs) {
      const seconds = SUBJECT_MS_MAX / 1_000;
      throw new Error(`${this.subject}: after ${seconds} s there are no more ${sentence}`);
    }
    if (done >= wanted || performance.now() > this.#saidMs + PROGRESS_EVERY_MS) this.say(sentence);
  }

  async until(what: string, wanted: number, count: () => Promise<number>): Promise<void> {
    for (;;) {
      const done = await count();
      this.step(what, done, wanted);
      if (done >= wanted) return;
      await pause(LOOK_EVERY_MS);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
