import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Connection } from '../../../transport/quic/index.js';
import { RESETS_PER_SECOND_MAX } from '../../../transport/quic/limits.js';
import { StatelessReset } from '../../../transport/quic/quiche/stateless-reset.js';
import { bidirectional, handler, openEngine } from './engines.js';
import { UdpRelay } from './udp-relay.js';
import { WITHIN, sleep, until } from '../../waiting.js';

/** Nothing but a reset ends a connection in the time of a test. */
const PATIENT = { idleTimeoutMs: 600_000, keepAliveMs: 0 };
const identity = createIdentity();
const { privateKeyPem } = identity;
const id = Uint8Array.from({ length: 16 }, (_, index) => index);

describe('a stateless reset', () => {
  it('is the same proof in every process with the key, and in none without', () => {
    const token = new StatelessReset(privateKeyPem).tokenNumber(id);
    expect(new StatelessReset(privateKeyPem).tokenNumber(id)).toBe(token);
    expect(new StatelessReset(createIdentity().privateKeyPem).tokenNumber(id)).not.toBe(token);
    expect(new StatelessReset(privateKeyPem).tokenNumber(randomBytes(16))).not.toBe(token);
  });

  it('ends with its token, looks like a short header, and is shorter than what it answers', () => {
    const reset = new StatelessReset(privateKeyPem);
    const token = reset.tokenNumber(id).toString(16).padStart(32, '0');
    for (let length = 0; length < 60; length += 1) {
      const answer = reset.answer(Buffer.alloc(length), id);
      if (answer === undefined) {
        expect(length).toBeLessThan(22);
        continue;
      }
      expect(answer.length).toBeLessThan(length);
      expect(answer.length).toBeGreaterThanOrEqual(21);
      expect((answer[0] ?? 0) & 0xc0).toBe(0x40);
      expect(Buffer.from(answer).toString('hex').endsWith(token)).toBe(true);
    }
  });

  it(`is sent ${RESETS_PER_SECOND_MAX} times a second at most`, () => {
    const reset = new StatelessReset(privateKeyPem);
    const sentIn = (second: number): number =>
      Array.from({ length: RESETS_PER_SECOND_MAX * 2 }, () =>
        reset.isAllowed(second * 1_000),
      ).filter(Boolean).length;
    expect(sentIn(5)).toBe(RESETS_PER_SECOND_MAX);
    expect(sentIn(6)).toBe(RESETS_PER_SECOND_MAX);
  });

  it('tells a peer at once that the process was started again', async () => {
    const { client, relay } = await talking();
    relay.retarget((await openEngine({ ...identity, settings: PATIENT })).port);
    bidirectional(client).write(Buffer.from('are you there?'), true);
    const info = await client.closed;
    expect(info).toMatchObject({ kind: 'transport', local: false });
    expect(info.reason).toContain('does not know this connection');
  });

  it('of somebody else ends nothing', async () => {
    const { client, relay } = await talking();
    relay.retarget((await openEngine({ settings: PATIENT })).port);
    bidirectional(client).write(Buffer.from('are you there?'), true);
    await until(() => relay.seen.at(-1)?.direction === 'down');
    await sleep(100);
    expect(client.isOpen).toBe(true);
  });
});

/** A connection through a relay to an engine with the identity. */
async function talking(): Promise<{ readonly client: Connection; readonly relay: UdpRelay }> {
  const server = await openEngine({ ...identity, settings: PATIENT });
  const relay = await UdpRelay.to(server.port);
  const engine = await openEngine({ settings: PATIENT });
  const client = await engine.connect({
    host: '127.0.0.1',
    port: relay.port,
    ...WITHIN,
    authenticate: () => ({ isAccepted: true }),
    onOpen: (connection) =>
      connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
  });
  await sleep(50);
  return { client, relay };
}
