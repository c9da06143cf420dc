import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../../sim/world/random.js';
import { SEED } from '../seed.js';
import { sleep, until } from '../../waiting.js';
import { dial, echo, echoing } from './echoing.js';
import { openEngine } from './engines.js';
import { UdpRelay, type Direction } from './udp-relay.js';

/** A peer that hears nothing asks after ten seconds; a connection that stands still ends after thirty. */
const RECOVERED_WITHIN_MS = 60_000;

/** Fails, instead of waiting for ever, for a stream that nothing comes on any more. */
async function echoes(what: string, echoed: Promise<boolean>): Promise<void> {
  let isRight: boolean | undefined;
  let failure: unknown;
  echoed.then(
    (is) => (isRight = is),
    (error: unknown) => (failure = error),
  );
  await until(what, () => isRight !== undefined || failure !== undefined, RECOVERED_WITHIN_MS);
  expect(failure).toBeUndefined();
  expect(isRight).toBe(true);
}

/** Loses the first so many datagrams of a direction from now on. */
function loseFirst(count: number, lost: Direction): UdpRelay['filter'] {
  let left = count;
  return (direction) => {
    if (direction !== lost || left === 0) return true;
    left -= 1;
    return false;
  };
}

describe('a connection whose peer is suddenly at another port', () => {
  it.each([1, 2, 3])('goes on when the first %i answers there are lost', async (count) => {
    const server = await echoing();
    const relay = await UdpRelay.to(server.engine.port);
    const connection = await dial(await openEngine(), relay.port);
    await echoes('the first echo', echo(connection, Buffer.from('before')));
    await relay.rebind();
    relay.filter = loseFirst(count, 'down');
    // So little that three times as much is one packet, or hardly more.
    await echoes('a small echo', echo(connection, Buffer.from('after')));
    await echoes('a large echo', echo(connection, randomBytes(1 << 20)));
    await until(() => server.connections[0]?.remotePort === relay.backPort);
    expect(server.connections).toHaveLength(1);
  });

  it('loses nothing that was sent to a port which it left before it had answered there', async () => {
    const server = await echoing();
    const relay = await UdpRelay.to(server.engine.port);
    const connection = await dial(await openEngine(), relay.port);
    await echoes('the first echo', echo(connection, Buffer.from('before')));
    await relay.rebind();
    relay.filter = (direction) => direction === 'up';
    // Much is sent up from there, so that the answers fill several packets.
    const echoed = Array.from({ length: 8 }, () => echo(connection, randomBytes(20_000)));
    await sleep(700);
    await relay.rebind();
    await sleep(700);
    relay.filter = () => true;
    for (const each of echoed) await echoes('an echo that was lost', each);
    await echoes('the last echo', echo(connection, randomBytes(1 << 20)));
  });

  it('goes on with every twentieth datagram lost, whenever it happens', async () => {
    const server = await echoing();
    const one = async (index: number): Promise<void> => {
      const random = new RandomStream(SEED, `connection ${index}`);
      const relay = await UdpRelay.to(server.engine.port);
      const connection = await dial(await openEngine(), relay.port);
      relay.delayMs = 10 + random.integer(0, 40);
      relay.filter = () => !random.chance(0.05);
      const what = (step: string): string => `${step} of connection ${index}, SEED=${SEED}`;
      for (let round = 0; round < 3; round += 1) {
        const bytes = random.chance(0.5) ? 64 : 100_000;
        const echoed = random.chance(0.5) ? echo(connection, randomBytes(bytes)) : undefined;
        await sleep(random.integer(0, 400));
        await relay.rebind();
        if (echoed !== undefined) await echoes(what('an echo during a change'), echoed);
        await echoes(what('an echo after a change'), echo(connection, randomBytes(64)));
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, index) => one(index)));
  });
});
