import { createIdentity } from '../transport/identity/index.js';
import { Member } from './gossip/member.js';
import type { Directory } from './gossip/member.js';
import type { Bench, Measurements } from './harness.js';

const SIZES = [10, 50];
const DIALLING = 4;
const PATIENCE_MS = 120_000;
/** How long datagrams are counted. */
const QUIET_MS = 3_000;

/**
 * Membership by gossip over QUIC on the loopback, all members in one process, over connections that
 * stand, as those of nodes do: how long it takes until
 * all know all after all have started at once, and until all the others know of a crash. The anchors
 * are hashicorp/memberlist on the loopback: 10 members, a crash known by all in 5.6 to 7.2 s; 50
 * members, 8 to 11 s, and all joined in 1.04 s. The goal is half.
 */
export function gossipBench(): Bench {
  return {
    description: `gossip on the loopback: joining and crashes at ${SIZES.join(' and ')} members`,
    roundsDefault: 3,
    metrics: {
      join: 'ms',
      'join-cpu': 'ms',
      'crash-known-by-all': 'ms',
      'datagrams-a-member': '1/s',
    },
    subjects: SIZES.map((size) => ({ name: `${size} members`, run: () => measure(size) })),
    ratios: [],
    notes: () => [
      'hashicorp/memberlist on the loopback, measured elsewhere: 10 members 5.6 to 7.2 s, 50 ' +
        'members 8 to 11 s until a crash is known by all, 1.04 s until 50 have joined',
      'all members run in one thread, which is busy while 50 join: `join-cpu` is its work until then',
    ],
  };
}

async function measure(size: number): Promise<Measurements> {
  const ids = Array.from({ length: size }, (_, at) => at + 1);
  const directory: Directory = {
    identities: new Map(ids.map((id) => [id, createIdentity()])),
    addresses: new Map(),
  };
  const members = ids.map((id) => new Member(id, directory));
  try {
    for (const member of members) await member.listen();
    // A few at a time: a single thread does both ends of all handshakes.
    for (let at = 0; at < size; at += DIALLING) {
      await Promise.all(members.slice(at, at + DIALLING).map((member) => member.connect()));
    }
    const start = performance.now();
    const cpu = process.cpuUsage();
    for (const member of members) member.join();
    await until(() => members.every((one) => ids.every((id) => holds(one, id, 'alive'))));
    const joinMs = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    // What is measured next is a swarm at rest.
    await until(() => members.every(({ driver }) => driver.awareness === 0));
    const before = sentBy(members);
    await pause(QUIET_MS);
    const datagrams = (sentBy(members) - before) / size / (QUIET_MS / 1_000);
    const crashed = members.pop()!;
    const crashMs = performance.now();
    await crashed.crash();
    await until(() => members.every((one) => holds(one, crashed.id, 'dead')));
    return {
      join: joinMs,
      'join-cpu': (user + system) / 1_000,
      'crash-known-by-all': performance.now() - crashMs,
      'datagrams-a-member': datagrams,
    };
  } finally {
    await Promise.all(members.map((member) => member.crash()));
  }
}

function sentBy(members: readonly Member[]): number {
  return members.reduce((sum, { datagrams }) => sum + datagrams, 0);
}

function holds(member: Member, id: number, status: string): boolean {
  return member.driver.member(id).status === status;
}

async function until(isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error('the members did not agree in time');
    await pause(5);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
