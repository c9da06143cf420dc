import { afterAll, describe, expect, it } from 'vitest';
import { TopicSwarm, deliveryAmong } from '../../../bench/topics/swarm.js';
import { until } from '../../waiting.js';

const MEMBERS = 5;
const MESSAGES = 40;
const swarm = new TopicSwarm(MEMBERS);

afterAll(() => swarm.close());

/** Until each is connected with all others. */
async function connected(): Promise<void> {
  await until('all members are connected', async () =>
    (await swarm.reports()).every(({ neighbours }) => neighbours === MEMBERS - 1),
  );
}

describe('five processes over QUIC', () => {
  it('get what each publishes, while one of them is killed and comes back', async () => {
    await swarm.start();
    await connected();
    const [killed, ...others] = swarm.members;
    for (const member of swarm.members) {
      await member.ask({ publish: { count: MESSAGES, everyMs: 20, bytes: 100 } });
    }
    killed!.kill();
    await until('all that live have published', async () =>
      (await swarm.reports(others)).every(({ isPublishing }) => !isPublishing),
    );
    await until('all that live have what they published', async () => {
      const { got, wanted } = deliveryAmong(others, await swarm.reports(others));
      return got === wanted;
    });

    await swarm.startMember(killed!);
    await connected();
    // It is heard and hears, though it counts from 1 again, over connections made anew.
    await killed!.ask({ publish: { count: 1, everyMs: 1, bytes: 100 } });
    await others[0]!.ask({ publish: { count: 1, everyMs: 1, bytes: 100 } });
    await until('the message of the one that is back has come', async () =>
      (await swarm.reports(others)).every(({ received }) => {
        const starts = received.filter(({ from }) => from === killed!.peerId);
        return starts.some(({ epoch, sequences }) => {
          const isLatest = starts.every((start) => start.epoch <= epoch);
          return isLatest && sequences.length === 1 && sequences[0] === 1;
        });
      }),
    );
    await until('the one that is back has the message of another', async () => {
      const { received } = await killed!.ask('report');
      return received.some(
        ({ from, sequences }) => from === others[0]!.peerId && sequences.includes(MESSAGES + 1),
      );
    });
    const reports = await swarm.reports();
    expect(reports.map(({ dropped }) => dropped)).toEqual(Array(MEMBERS).fill(0));
  });
});
