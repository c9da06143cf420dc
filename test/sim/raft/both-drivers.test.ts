/**
 * One script through both drivers. A simulated group runs under loss, partitions, crashes and a
 * stalled disk, and its other nodes forget their logs soon, so that a node that was away gets a
 * snapshot. Everything that one node was told is then told to the driver of production
 * (`nodes/driver.ts`, with its `LogWrites`), event by event. Both must send the same messages, and
 * have the same term, role, commit and log after each event, over restarts too.
 *
 * While a snapshot is installed they are compared at its end: production marks it in the log by a sync
 * of its own, the simulated node together with what came along. After a crash in the middle of that
 * both go on from what the simulated disk has kept.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Message } from '../../../consensus/raft/index.js';
import { ProductionNode } from './production-node.js';
import { type Happening, record } from './recorded-node.js';
import { seedOfTest } from './seed.js';

function tell(node: ProductionNode, happening: Happening): void {
  switch (happening.kind) {
    case 'tick':
      node.tick();
      break;
    case 'message':
      node.receive(happening.message);
      break;
    case 'report':
      node.reportSnapshot(happening.peer, happening.ok);
      break;
    case 'proposal':
      node.propose(happening.data);
      break;
    case 'synced':
      // Within an installation production may be through already.
      if (node.isBusy) node.synced();
      break;
    case 'restarted':
      node.crashAndRestart(happening.restored);
      break;
    case 'started':
  }
}

/** Messages in an order that does not depend on when each was sent. */
function sorted(messages: readonly Message[]): string[] {
  return messages.map((message) => JSON.stringify(message)).sort();
}

describe('one script through both drivers', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const firstSeed = seedOfTest();
  const seeds = [firstSeed, firstSeed + 1, firstSeed + 2];
  const seen = { restarts: 0, installs: 0 };

  it.each(seeds)('gives the same messages, terms and commits, SEED=%i', async (seed) => {
    const { happenings, deeds } = record(seed);
    const node = new ProductionNode();
    const roles = new Set<string>();
    let messages = 0;
    /** What both sent since the snapshot came that is being installed. */
    let installing: { readonly here: Message[]; readonly there: Message[] } | null = null;
    for (const [at, happening] of happenings.entries()) {
      if (happening.kind === 'started') continue;
      if (happening.kind === 'restarted') {
        if (installing === null) expect(node.kept(), `event ${at}`).toEqual(happening.restored);
        // The mark of a snapshot that the crash kept from being written comes first.
        installing = deeds[at]!.isIdle ? null : { here: [], there: [] };
      }
      if (happening.kind === 'message' && happening.message.type === 'snapshot') {
        installing ??= { here: [], there: [] };
      }
      if (happening.kind === 'synced' && installing === null) expect(node.isBusy).toBe(true);
      tell(node, happening);
      const { isIdle, ...expected } = deeds[at]!;
      const isOver = installing !== null && isIdle;
      const told = isOver ? await node.finishWrites() : await node.deed();
      expect(node.failures).toEqual([]);
      const what = `event ${at}, ${happening.kind}`;
      if (installing === null) {
        expect(told, what).toEqual(expected);
      } else {
        installing.here.push(...told.sent);
        installing.there.push(...expected.sent);
      }
      if (isOver && installing !== null) {
        expect({ ...told, sent: sorted(installing.here) }, what).toEqual({
          ...expected,
          sent: sorted(installing.there),
        });
        installing = null;
      }
      if (happening.kind === 'restarted') seen.restarts += 1;
      roles.add(told.role);
      messages += told.sent.length;
    }
    seen.installs += node.installs;
    expect([...roles].sort()).toContain('precandidate');
    expect(deeds.at(-1)!.commit).toBeGreaterThan(10);
    expect(messages).toBeGreaterThan(150);
    await node.stop();
  });

  it('has restarted nodes and installed snapshots in that', () => {
    expect(seen.restarts).toBeGreaterThanOrEqual(2 * seeds.length);
    expect(seen.installs).toBeGreaterThanOrEqual(seeds.length);
  });
});
