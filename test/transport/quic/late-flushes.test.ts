import { describe, expect, it } from 'vitest';
import { ACK_DELAY_MS } from '../../../transport/quic/limits.js';
import { pair } from '../rpc/pair.js';
import { WITHIN, sleep } from '../../waiting.js';

describe('an acknowledgement', () => {
  it('travels with the next call and its answer: about one packet each way a call', async () => {
    const { connection } = await pair({ echo: (payload) => payload });
    for (let at = 0; at < 20; at += 1) await connection.call('echo', at, WITHIN);
    const before = connection.stats();
    const calls = 200;
    for (let at = 0; at < calls; at += 1) await connection.call('echo', at, WITHIN);
    const after = connection.stats();
    // With acknowledgements of their own it were two packets each way.
    expect(after.sentPackets - before.sentPackets).toBeLessThan(calls * 1.5);
    expect(after.receivedPackets - before.receivedPackets).toBeLessThan(calls * 1.5);
  });

  it('leaves by itself when nothing else does, so that nothing is sent again', async () => {
    const { connection } = await pair({ echo: (payload) => payload });
    await connection.call('echo', 1, WITHIN);
    await sleep(100);
    const before = connection.stats();
    connection.notify('echo', 1);
    await sleep(ACK_DELAY_MS * 20);
    const after = connection.stats();
    expect(after.receivedPackets - before.receivedPackets).toBeGreaterThan(0);
    expect(after.lostPackets).toBe(before.lostPackets);
    expect(after.sentPackets - before.sentPackets).toBe(1);
  });

  it('does not wait when a peer sends much', async () => {
    const { connection } = await pair({ take: () => null });
    const before = connection.stats().receivedPackets;
    await connection.call('take', new Uint8Array(8_000_000), WITHIN);
    expect(connection.stats().lostPackets).toBe(0);
    // Acknowledged as it comes, not once in a while.
    expect(connection.stats().receivedPackets - before).toBeGreaterThan(20);
  });
});
