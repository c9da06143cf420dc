import { afterEach, describe, expect, it } from 'vitest';
import type { Guards } from '../../../../transport/quic/quiche/guard.js';
import { ForgedPeer, bound } from '../forge/forged-peer.js';
import { newConnectionId, ping } from '../forge/frames.js';
import {
  changingPorts,
  cryptoFrames,
  inventedAcks,
  optimisticAcks,
  pathChallenges,
  retireLoop,
  retireLoopOnSecondPath,
  retiredIds,
  streamGaps,
} from './attacks.js';
import { Victim, askPolitely, type VictimOptions } from './victim.js';
import { PATIENCE_MS, sleep, until } from '../../../waiting.js';

// Each advisory that was published for quiche since 0.18.0 and concerns what we use, as an attack on
// an engine in a process of its own: without the guards it succeeds, with them the connection of the
// attacker ends with a code and another client is served. docs/quiche-advisories.md has the table.

const MB = 1024 * 1024;
const NO_GUARDS: Guards = { handshake: false, inspection: false, paths: false };
/** Most of them are lost when the victim hardly runs. */
const PACKETS_MAX = 1_000_000;
const LOOPING_MS = 3_000;

const victims: Victim[] = [];
const peers: ForgedPeer[] = [];
afterEach(() => {
  for (const victim of victims.splice(0)) victim.kill();
  for (const peer of peers.splice(0)) peer.close();
});

async function attacked(options: VictimOptions): Promise<[Victim, ForgedPeer]> {
  const victim = await Victim.start(options);
  victims.push(victim);
  const peer = await ForgedPeer.connect(victim.port);
  peers.push(peer);
  await sleep(200);
  return [victim, peer];
}

async function expectServes(victim: Victim): Promise<void> {
  expect(victim.exit).toBeUndefined();
  const question = Buffer.from('still here');
  expect((await askPolitely(victim.port, question)).equals(question)).toBe(true);
}

type Flood = (peer: ForgedPeer, packetsMax: number, isEnough: () => boolean) => Promise<void>;

const FLOODS: readonly {
  readonly name: string;
  readonly flood: Flood;
  /** What it makes the memory grow by without a guard. */
  readonly growthBytes: number;
  readonly code: number;
}[] = [
  {
    name: 'CVE-2023-6193, PATH_CHALLENGE frames',
    flood: pathChallenges,
    growthBytes: 24 * MB,
    code: 0x0a,
  },
  {
    name: 'CVE-2024-1410, connection ids to retire',
    flood: retiredIds,
    growthBytes: 4 * MB,
    code: 0x09,
  },
  {
    name: 'CVE-2024-1765, CRYPTO frames after the handshake',
    flood: cryptoFrames,
    growthBytes: 96 * MB,
    code: 0x0d,
  },
  {
    name: 'pieces of streams with gaps between them (no advisory)',
    flood: streamGaps,
    growthBytes: 64 * MB,
    code: 0x0a,
  },
];

describe.each(FLOODS)('$name', ({ flood, growthBytes, code }) => {
  it('without a guard: memory grows', async () => {
    const [victim, peer] = await attacked({ guards: NO_GUARDS });
    const before = victim.residentBytes;
    const hasGrown = (): boolean => victim.residentBytes - before > growthBytes;
    await flood(peer, PACKETS_MAX, hasGrown);
    await until(hasGrown);
    expect(victim.closed).toEqual([]);
  });

  it('guarded: the connection ends with a code, others are served', async () => {
    const [victim, peer] = await attacked({});
    await flood(peer, PACKETS_MAX, () => victim.closed.length > 0);
    await until(() => victim.closed.length > 0);
    expect(victim.closed[0]).toMatchObject({ kind: 'transport', code, local: true });
    // Its last packet may be lost in the flood.
    const told = peer.framesOf('close')[0]?.code ?? code;
    expect(told).toBe(code);
    await expectServes(victim);
  });
});

describe.each([
  { where: 'from a new address', attack: retireLoop },
  { where: 'on a second path', attack: retireLoopOnSecondPath },
])('CVE-2025-7054, an endless loop in send, $where', ({ attack }) => {
  it('without a guard: one packet stops the whole process', async () => {
    const [victim, peer] = await attacked({ guards: NO_GUARDS });
    await attack(peer);
    await until(() => victim.silentMs > LOOPING_MS);
    // Not late: stopped.
    const heard = victim.silentMs;
    await sleep(LOOPING_MS);
    expect(victim.silentMs).toBeGreaterThan(heard);
  });

  it('guarded: the connection ends, others are served', async () => {
    const [victim, peer] = await attacked({});
    await attack(peer);
    await until(() => victim.closed.length > 0);
    expect(victim.closed[0]).toMatchObject({ kind: 'transport', code: 0x0a, local: true });
    await expectServes(victim);
  });
});

it('the peer is told the code', async () => {
  const [, peer] = await attacked({});
  await retireLoop(peer);
  await until(() => peer.isClosedByPeer);
  expect(peer.framesOf('close')[0]).toMatchObject({ code: 0x0a, isApplication: false });
});

it('CVE-2025-7054: once a peer has made this side retire an id, it may have no second path', async () => {
  const [victim, peer] = await attacked({});
  peer.send([newConnectionId(5, 5)]);
  await sleep(200);
  const elsewhere = await bound();
  for (let count = 0; count < 5; count += 1) {
    peer.send([newConnectionId(0, 0), ping()], elsewhere);
  }
  await sleep(300);
  elsewhere.close();
  await expectServes(victim);
});

describe('CVE-2025-4821, acknowledgements of packets that were never sent', () => {
  it('without a guard: the congestion window grows without a reason', async () => {
    const options: VictimOptions = { isPouring: true, congestionControl: 'cubic' };
    const [victim, peer] = await attacked({ ...options, guards: NO_GUARDS });
    const hasGrown = (): boolean => (victim.stats?.congestionWindowBytes ?? 0) > 8 * MB;
    await inventedAcks(peer, () => hasGrown() || victim.silentMs > PATIENCE_MS);
    expect(hasGrown()).toBe(true);
  });

  it('guarded: the connection ends with the first of them that is looked at', async () => {
    const [victim, peer] = await attacked({ isPouring: true, congestionControl: 'cubic' });
    await inventedAcks(peer, () => victim.closed.length > 0 || victim.silentMs > PATIENCE_MS);
    expect(victim.closed[0]).toMatchObject({ kind: 'transport', code: 0x0a, local: true });
  });
});

describe('CVE-2025-4820, acknowledgements of packets that did not come', () => {
  it('without a guard: the victim goes on sending', async () => {
    const options: VictimOptions = { isPouring: true, congestionControl: 'bbr' };
    const [victim, peer] = await attacked({ ...options, guards: NO_GUARDS });
    const sentBytes = (): number => victim.stats?.sentBytes ?? 0;
    await optimisticAcks(peer, () => sentBytes() > 256 * MB || victim.silentMs > PATIENCE_MS);
    expect(sentBytes()).toBeGreaterThan(256 * MB);
  });

  it('guarded: a packet that was held back shows it', async () => {
    const [victim, peer] = await attacked({ isPouring: true, congestionControl: 'cubic' });
    await optimisticAcks(peer, () => victim.closed.length > 0 || victim.silentMs > PATIENCE_MS);
    expect(victim.closed[0]).toMatchObject({
      kind: 'transport',
      code: 0x0a,
      reason: expect.stringContaining('held back') as unknown,
    });
  });
});

it('CVE-2026-12707: packets from ever new addresses leave nothing behind', async () => {
  const [victim, peer] = await attacked({});
  const before = victim.residentBytes;
  await changingPorts(peer, 20_000);
  await sleep(1_500);
  expect(victim.residentBytes - before).toBeLessThan(24 * MB);
  await expectServes(victim);
});
