import { afterEach, describe, expect, it } from 'vitest';
import { crypto } from '../forge/frames.js';
import { ForgedPeer, bound } from '../forge/forged-peer.js';
import { HalfOpen } from '../forge/half-open.js';
import { cryptoFrames } from './attacks.js';
import { Victim, askPolitely, type VictimOptions } from './victim.js';
import { sleep, until } from '../../../waiting.js';

const MB = 1024 * 1024;
/** Most of them are lost when the victim hardly runs. */
const PACKETS_MAX = 1_000_000;
const victims: Victim[] = [];
afterEach(() => {
  for (const victim of victims.splice(0)) victim.kill();
});

async function start(options: VictimOptions): Promise<Victim> {
  const victim = await Victim.start(options);
  victims.push(victim);
  return victim;
}

/** CRYPTO frames with gaps between them, in Initial packets of one connection. */
async function floodInitials(victim: Victim, isEnough: () => boolean): Promise<void> {
  const socket = await bound();
  const halfOpen = new HalfOpen(socket, victim.port);
  halfOpen.begin();
  let offset = 10_000;
  for (let sent = 0; sent < PACKETS_MAX && !isEnough(); sent += 1) {
    halfOpen.send(Array.from({ length: 150 }, () => crypto((offset += 3), Buffer.of(1))));
    if (sent % 10 === 0) await sleep(1);
  }
  socket.close();
}

describe('CVE-2024-1765 before the handshake is over', () => {
  it('without a guard: memory grows', async () => {
    const victim = await start({ guards: { handshake: false } });
    const before = victim.residentBytes;
    const hasGrown = (): boolean => victim.residentBytes - before > 48 * MB;
    await floodInitials(victim, hasGrown);
    await until(hasGrown);
  });

  it('guarded: the connection ends after 32 KB', async () => {
    const victim = await start({});
    await floodInitials(victim, () => victim.refused.length > 0);
    await until(() => victim.refused.length > 0);
    expect(victim.refused[0]).toContain('too much before the end of the handshake');
    expect((await askPolitely(victim.port, Buffer.from('x'))).toString()).toBe('x');
  });
});

it('a flood of beginnings is bounded, and does not keep others out', async () => {
  const victim = await start({});
  const before = victim.residentBytes;
  const socket = await bound();
  for (let sent = 0; sent < 2_000; sent += 1) {
    new HalfOpen(socket, victim.port).begin();
    if (sent % 20 === 0) await sleep(1);
  }
  socket.close();
  expect(victim.residentBytes - before).toBeLessThan(64 * MB);
  expect((await askPolitely(victim.port, Buffer.from('x'))).toString()).toBe('x');
});

describe('a hostile server', () => {
  it('may send its client session tickets, and not more', async () => {
    const { port, peer } = await ForgedPeer.listen();
    const victim = await start({ dial: port });
    const server = await peer;
    await sleep(200);
    server.send([crypto(10_000, Buffer.alloc(1_000))]);
    await sleep(200);
    expect(victim.closed).toEqual([]);
    await cryptoFrames(server, PACKETS_MAX, () => victim.closed.length > 0);
    await until(() => victim.closed.length > 0);
    expect(victim.closed[0]).toMatchObject({ kind: 'transport', code: 0x0d, local: true });
    server.close();
  });
});
