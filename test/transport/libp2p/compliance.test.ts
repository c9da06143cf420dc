import { afterEach, describe, expect, it } from 'vitest';
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';
import { quicTransport } from '../../../transport/libp2p/index.js';
import { parseQuicAddress } from '../../../transport/libp2p/address.js';

/** What the suite has in the version of the lock file. */
const TESTS_COUNT = 15;

interface MochaContext {
  timeout(ms: number): void;
  skip(): never;
}

type MochaTest = (this: MochaContext) => unknown;

let registeredCount = 0;

// The suite is written for mocha: it expects these names as globals, and a context as `this`.
const mocha = {
  describe,
  afterEach,
  it: (name: string, test: MochaTest): void => {
    registeredCount += 1;
    it(name, async () => {
      await test.call({
        timeout: () => undefined,
        skip: () => {
          throw new Error('the suite left this test out, which it does without a listener');
        },
      });
    });
  },
};
Object.assign(globalThis, mocha);

const { default: transportCompliance } =
  await import('@libp2p/interface-compliance-tests/transport');

const isQuic = (address: Multiaddr): boolean => parseQuicAddress(address) !== undefined;
const matcher = { matchers: [], matches: isQuic, exactMatch: isQuic };

describe('the compliance suite of libp2p for transports', () => {
  transportCompliance({
    setup: () => {
      const dialer = { transports: [quicTransport()], connectionMonitor: { enabled: false } };
      return Promise.resolve({
        dialer,
        listener: {
          ...dialer,
          addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/udp/0/quic-v1'] },
        },
        dialMultiaddrMatcher: matcher,
        listenMultiaddrMatcher: matcher,
      });
    },
    teardown: () => Promise.resolve(),
  });

  it('registered all of its tests', () => {
    expect(registeredCount).toBe(TESTS_COUNT);
    expect(isQuic(multiaddr('/ip4/127.0.0.1/tcp/1'))).toBe(false);
  });
});
