import { afterEach, describe, expect, it } from 'vitest';
import {
  COLLECTED_MAX,
  COLLECTED_PER_PROPOSER_MAX,
  FAULTS_MAX,
  OPENED_BURST,
  PARTS_ANSWERING_MAX,
  PART_BYTES,
  PATIENCE_STEP_MS,
} from '../../../../nodes/bft/limits.js';
import { PartExchange } from '../../../../nodes/bft/parts/exchange.js';
import { PartSet } from '../../../../nodes/bft/parts/part-set.js';
import { encodeAnswer, encodeHeld, encodeRequest } from '../../../../nodes/bft/parts/wire.js';
import { PeerGuard } from '../../../../nodes/bft/peer-guard.js';
import { until } from '../../../waiting.js';

const valueOf = (parts: number, mark = 0): Uint8Array =>
  Uint8Array.from({ length: parts * PART_BYTES }, (_, at) => (at * 7 + (at >> 16) + mark) & 0xff);

const opened: PartExchange[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

/** What a peer answers to a request for parts. */
type Answer = (exchange: PartExchange, payload: Uint8Array) => Promise<unknown>;

/** Exchanges that know each other, by name; `answers` are those of peers that are no exchange. */
class Net {
  readonly exchanges = new Map<string, PartExchange>();
  readonly guards = new Map<string, PeerGuard>();
  readonly answers = new Map<string, Answer>();
  readonly cut: string[] = [];
  readonly calls: string[] = [];
  readonly decided = new Map<number, Uint8Array>();
  readonly values = new Map<string, Uint8Array>();
  readonly heights = new Map<string, number>();

  constructor(readonly names: readonly string[]) {
    for (const name of names) this.#open(name);
  }

  #open(name: string): void {
    const guard = new PeerGuard((peer) => this.cut.push(peer));
    this.guards.set(name, guard);
    const exchange = new PartExchange(name, guard, {
      others: () => this.names.filter((other) => other !== name),
      height: () => this.heights.get(name) ?? 1,
      tell: (peer, bytes) => this.exchanges.get(peer)?.heard(name, bytes),
      call: async (peer, payload) => {
        this.calls.push(`${name} ${peer}`);
        const to = this.exchanges.get(peer)!;
        const answer = this.answers.get(peer);
        return answer === undefined ? to.answer(name, payload) : answer(to, payload);
      },
      value: (id) => this.values.get(id),
      decided: async (height, id) => {
        const bytes = this.decided.get(height);
        return bytes !== undefined && PartSet.of(bytes).id === id ? bytes : null;
      },
    });
    this.exchanges.set(name, exchange);
    opened.push(exchange);
  }

  of(name: string): PartExchange {
    return this.exchanges.get(name)!;
  }

  faultsOf(peer: string, as: string): number {
    return this.guards.get(as)!.counts(performance.now()).get(peer)?.faults['bad-part'] ?? 0;
  }
}

const requestOf = (id: string, places: readonly number[], height = 1): Uint8Array =>
  encodeRequest({ height, id, places });

describe('a value in parts', () => {
  it('comes from the proposer and from each other', async () => {
    const net = new Net(['a', 'b', 'c', 'd']);
    const value = valueOf(24);
    const id = net.of('a').spread(value);
    const got = await Promise.all(['b', 'c', 'd'].map((name) => net.of(name).collect(id, 'a', 0)));
    for (const bytes of got) expect(Buffer.compare(bytes!, value)).toBe(0);
    expect(net.calls.some((call) => !call.endsWith(' a'))).toBe(true);
    // Who is asked again has it already.
    expect(await net.of('b').collect(id, 'a', 1)).toBe(got[0]);
  });

  it('comes from others when the proposer sends what is none of it, which counts against it', async () => {
    const net = new Net(['a', 'b', 'c']);
    const value = valueOf(6);
    const set = PartSet.of(value);
    const other = PartSet.of(valueOf(6, 1));
    net.of('c').spread(value);
    net.answers.set('a', async () => {
      return encodeAnswer([{ place: 0, ...other.part(0)! }]);
    });
    const collected = net.of('b').collect(set.id, 'a', 0);
    net.of('b').heard('c', encodeHeld({ id: set.id, bitmap: set.held }));
    expect(Buffer.compare((await collected)!, value)).toBe(0);
    expect(net.faultsOf('a', 'b')).toBeGreaterThan(0);
    expect(net.faultsOf('c', 'b')).toBe(0);
  });

  const set = PartSet.of(valueOf(6));
  const placed = (place: number, from: number) => ({ place, ...set.part(from)! });
  it.each<[string, Answer]>([
    ['a part of another place', async () => encodeAnswer([placed(0, 1)])],
    ['a part that was not asked for', async () => encodeAnswer([placed(5, 5)])],
    ['more than was asked for', async () => encodeAnswer([0, 1, 2, 3].map((at) => placed(at, at)))],
    ['bytes that are no answer', async () => new Uint8Array(9)],
    ['a gigabyte, it says', async () => Buffer.from('0101008080808004', 'hex')],
    ['a text', async () => 'parts'],
  ])('is not taken with %s, and it counts', async (_, answer) => {
    const net = new Net(['a', 'b', 'c', 'd']);
    net.answers.set('a', answer);
    const collected = net.of('b').collect(set.id, 'a', 0);
    // It is asked again when nobody else is left.
    await until('two answers', () => net.calls.length > 2);
    expect(net.faultsOf('a', 'b')).toBeGreaterThan(0);
    net.of('b').endHeight();
    expect(await collected).toBeNull();
  });

  it('is taken no more from who sends something else again and again', async () => {
    const net = new Net(['a', 'b']);
    net.answers.set('a', async () => new Uint8Array(9));
    const collected = net.of('b').collect(PartSet.of(valueOf(8)).id, 'a', 0);
    await until('its last answer', () => net.cut.length > 0 || net.calls.length > 60);
    expect(net.cut).toEqual(['a']);
    expect(net.faultsOf('a', 'b')).toBeGreaterThanOrEqual(FAULTS_MAX);
    net.of('b').endHeight();
    expect(await collected).toBeNull();
  });

  it('is collected though nobody said that he has it, once it is decided', async () => {
    const net = new Net(['a', 'b', 'c']);
    const value = valueOf(5);
    const { id } = PartSet.of(value);
    net.decided.set(3, value);
    for (const name of ['b', 'c']) net.heights.set(name, 3);
    // It is ahead, and has it on the disk.
    net.heights.set('a', 4);
    const late = net.of('b').collect(id, null, Infinity);
    expect(Buffer.compare((await late)!, value)).toBe(0);
    // Of one who proposed it and is gone.
    net.answers.set('b', () => Promise.reject(new Error('gone')));
    const proposed = net.of('c').collect(id, 'b', 0);
    const decided = net.of('c').collect(id, null, Infinity);
    expect(Buffer.compare((await decided)!, value)).toBe(0);
    expect(await proposed).toBe(await decided);
  });

  it('ends with its height', async () => {
    const net = new Net(['a', 'b']);
    const collected = net.of('b').collect(PartSet.of(valueOf(2)).id, 'a', 0);
    net.of('b').endHeight();
    expect(await collected).toBeNull();
    net.of('b').close();
    expect(await net.of('b').collect(PartSet.of(valueOf(3)).id, 'a', 0)).toBeNull();
  });
});

describe('room for what is collected', () => {
  const idOf = (mark: number): string => PartSet.of(valueOf(2, mark)).id;
  const isOpen = async (collected: Promise<unknown>): Promise<boolean> =>
    (await Promise.race([collected, Promise.resolve('open')])) === 'open';

  it('is a few of each proposer, the latest rounds first', async () => {
    const net = new Net(['a', 'b']);
    const first = Array.from({ length: COLLECTED_PER_PROPOSER_MAX }, (_, at) =>
      net.of('b').collect(idOf(at), 'a', 1),
    );
    // It told several things for one round: more are not taken.
    expect(await isOpen(net.of('b').collect(idOf(8), 'a', 1))).toBe(false);
    const next = net.of('b').collect(idOf(9), 'a', 2);
    expect(await isOpen(first[0]!)).toBe(false);
    expect(await isOpen(first[1]!)).toBe(true);
    expect(await isOpen(next)).toBe(true);
  });

  it('is a few in all, and what is decided has it always', async () => {
    const names = ['b', ...Array.from({ length: COLLECTED_MAX + 1 }, (_, at) => `p${at}`)];
    const net = new Net(names);
    const open = names.slice(1, COLLECTED_MAX + 1).map((from, at) => {
      return net.of('b').collect(idOf(at), from, 5 + at);
    });
    expect(await isOpen(net.of('b').collect(idOf(20), names.at(-1)!, 4))).toBe(false);
    const later = net.of('b').collect(idOf(21), names.at(-1)!, 9);
    expect(await isOpen(open[0]!)).toBe(false);
    const decided = net.of('b').collect(idOf(22), null, Infinity);
    for (const each of [...open.slice(1), later, decided]) expect(await isOpen(each)).toBe(true);
  });
});

describe('patience', () => {
  it('is given while parts come, and no longer than the length of the value allows', async () => {
    const net = new Net(['a', 'b']);
    const value = valueOf(20);
    const id = net.of('a').spread(value);
    let isHeld = false;
    net.answers.set('a', async (exchange, payload) => {
      if (isHeld) await new Promise(() => {});
      isHeld = true;
      return exchange.answer('b', payload);
    });
    const exchange = net.of('b');
    expect(exchange.patience(id)).toBe(0);
    void exchange.collect(id, 'a', 0);
    expect(exchange.patience(id)).toBe(0);
    await until('some parts', () => exchange.patience(id) > 0);
    // Nothing came since: who withholds the rest gains no more time.
    expect(exchange.patience(id)).toBe(0);
    expect(exchange.patience(PartSet.of(valueOf(3)).id)).toBe(0);
  });

  it('ends though parts trickle', async () => {
    const net = new Net(['a', 'b']);
    const id = net.of('a').spread(valueOf(20));
    const waiting: (() => void)[] = [];
    net.answers.set('a', async (exchange, payload) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return exchange.answer('b', payload);
    });
    const exchange = net.of('b');
    void exchange.collect(id, 'a', 0);
    let patienceMs = 0;
    for (let step = 0; step < 3; step += 1) {
      await until('a call', () => waiting.length > 0);
      waiting.shift()!();
      // 20 parts are 1.25 MiB: two steps of a quarter of a second each.
      await until('its part', () => net.calls.length > step + 2);
      patienceMs += exchange.patience(id);
    }
    expect(patienceMs).toBe(2 * PATIENCE_STEP_MS);
  });
});

describe('who asks', () => {
  it('gets what is here, and nothing of what is not', async () => {
    const net = new Net(['a', 'b']);
    const value = valueOf(3);
    const id = net.of('a').spread(value);
    const answer = await net.of('a').answer('b', requestOf(id, [0, 2]));
    expect(answer!.length).toBeGreaterThan(2 * PART_BYTES);
    expect(await net.of('b').answer('a', requestOf(id, [0, 2]))).toBeNull();
    net.values.set(id, value);
    expect(await net.of('b').answer('a', requestOf(id, [1]))).not.toBeNull();
  });

  it('is refused what is no request, which counts, and more at once than may be', async () => {
    const net = new Net(['a', 'b']);
    const id = net.of('a').spread(valueOf(3));
    for (const wrong of [null, 'text', new Uint8Array(), requestOf(id, [0]).slice(1)]) {
      await expect(net.of('a').answer('b', wrong)).rejects.toMatchObject({ code: 'malformed' });
    }
    const counts = net.guards.get('a')!.counts(performance.now()).get('b')!;
    expect(counts.faults.garbage).toBe(4);
    const all = Array.from({ length: PARTS_ANSWERING_MAX + 1 }, () =>
      net
        .of('a')
        .answer('b', requestOf(id, [0]))
        .catch((error: unknown) => error),
    );
    const last = (await Promise.all(all)).at(-1);
    expect(last).toMatchObject({ code: 'overloaded' });
    expect(await net.of('a').answer('b', requestOf(id, [0]))).not.toBeNull();
  });

  it('has so many values read from the disk and no more', async () => {
    const net = new Net(['a', 'b']);
    net.heights.set('a', 100);
    for (let height = 1; height <= OPENED_BURST * 3; height += 1) {
      net.decided.set(height, valueOf(2, height));
    }
    const results: string[] = [];
    for (const [height, bytes] of net.decided) {
      const answer = net.of('a').answer('b', requestOf(PartSet.of(bytes).id, [0], height));
      results.push(
        await answer.then(
          () => 'given',
          (error: unknown) => (error as { code: string }).code,
        ),
      );
    }
    expect(results.slice(0, OPENED_BURST)).toEqual(Array(OPENED_BURST).fill('given'));
    expect(results).toContain('overloaded');
    // Another one is none the worse for it.
    const { id } = PartSet.of(net.decided.get(1)!);
    expect(await net.of('a').answer('c', requestOf(id, [0], 1))).not.toBeNull();
  });
});
