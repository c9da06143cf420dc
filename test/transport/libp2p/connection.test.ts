import type { Metrics } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { describe, expect, it } from 'vitest';
import { endingOf } from '../../../transport/libp2p/ending.js';
import { Libp2pTransportError } from '../../../transport/libp2p/index.js';
import {
  openQuicheEngine,
  type Connection,
  type ConnectionCloseInfo,
  type Engine,
  type EngineOptions,
} from '../../../transport/quic/index.js';
import { WITHIN, addressOf, startNode } from './nodes.js';

/** The same object, but for one property. */
function withProperty<T extends object>(target: T, name: keyof T, value: () => unknown): T {
  return new Proxy(target, {
    get: (object, key) => {
      if (key === name) return value();
      const found: unknown = Reflect.get(object, key, object);
      return typeof found === 'function' ? (found.bind(object) as unknown) : found;
    },
  });
}

/** An engine whose outbound connections are worn from when `isWorn` says so. */
function engineWithWorn(isWorn: () => boolean): (options: EngineOptions) => Promise<Engine> {
  return async (options) => {
    const engine = await openQuicheEngine(options);
    const worn = (connection: Connection): Connection => withProperty(connection, 'isWorn', isWorn);
    const connect: Engine['connect'] = async (to) =>
      worn(await engine.connect({ ...to, onOpen: (opened) => to.onOpen(worn(opened)) }));
    return withProperty(engine, 'connect', () => connect);
  };
}

describe('a connection', () => {
  it('that has served long enough is closed when nothing runs on it, and dialled anew', async () => {
    let isWorn = false;
    const [one, two] = await Promise.all([
      startNode({ services: { ping: ping() } }, { openEngine: engineWithWorn(() => isWorn) }),
      startNode({ services: { ping: ping() } }),
    ]);
    const ask = (): Promise<number> => one.services.ping.ping(addressOf(two));
    await ask();
    const [first] = one.getConnections();
    await ask();
    expect(one.getConnections().map(({ id }) => id)).toEqual([first?.id]);
    isWorn = true;
    await ask();
    await expect.poll(() => first?.status, WITHIN).toBe('closed');
    isWorn = false;
    await ask();
    expect(one.getConnections()).toHaveLength(1);
    expect(one.getConnections()[0]?.id).not.toBe(first?.id);
  });

  it('is counted, on both sides, with what became of it', async () => {
    const counted = new Map<string, Record<string, number>>();
    const nothing = (): undefined => undefined;
    const meter = (name: string): object => ({
      increment: (values: object = {}) => {
        const counts = counted.get(name) ?? {};
        for (const key of Object.keys(values)) counts[key] = (counts[key] ?? 0) + 1;
        counted.set(name, counts);
      },
      update: nothing,
      decrement: nothing,
      reset: nothing,
    });
    const metrics = new Proxy({} as Metrics, {
      get: (_target, key) => (String(key).startsWith('register') ? meter : nothing),
    });
    const [one, two] = await Promise.all([
      startNode({ metrics: () => metrics }),
      startNode({ metrics: () => metrics }),
    ]);
    const connection = await one.dial(addressOf(two));
    await expect.poll(() => two.getConnections(), WITHIN).toHaveLength(1);
    await connection.close();
    await expect.poll(() => two.getConnections(), WITHIN).toHaveLength(0);
    const unreachable = addressOf(two);
    await two.stop();
    await expect(one.dial(unreachable, { signal: AbortSignal.timeout(200) })).rejects.toThrow();
    await expect
      .poll(() => counted.get('libp2p_quic_dialer_events_total'), WITHIN)
      .toMatchObject({ connect: 1, end: 1, error: 1 });
    expect(counted.get('libp2p_quic_listener_events_total')).toMatchObject({ connect: 1, end: 1 });
  });
});

describe('the end of a connection', () => {
  const INFO = { code: 0, reason: 'words', local: false } as const;

  it.each([
    ['closed by us', { ...INFO, kind: 'application', local: true }, 'orderly'],
    ['aborted by us', { ...INFO, kind: 'application', local: true, code: 1 }, 'orderly'],
    ['closed by the peer', { ...INFO, kind: 'application' }, 'orderly'],
    ['aborted by the peer', { ...INFO, kind: 'application', code: 1 }, 'reset'],
  ] as readonly (readonly [string, ConnectionCloseInfo, string])[])(
    '%s is as it should be',
    (_what, info, ending) => {
      expect(endingOf(info)).toBe(ending);
    },
  );

  it.each([
    ['by silence', { ...INFO, kind: 'idle' }],
    ['by an error of QUIC', { ...INFO, kind: 'transport', code: 0x128 }],
    ['by an error of QUIC on this side', { ...INFO, kind: 'transport', code: 1, local: true }],
  ] as readonly (readonly [string, ConnectionCloseInfo])[])('%s is an error', (_what, info) => {
    const ending = endingOf(info);
    expect(ending).toBeInstanceOf(Libp2pTransportError);
    expect(ending).toMatchObject({
      code: 'connection-lost',
      message: 'the connection is lost: words',
    });
  });
});
