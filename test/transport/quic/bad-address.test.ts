import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import { openQuicheEngine } from '../../../transport/quic/index.js';
import { handler, openEngine } from './engines.js';
import { sleep } from '../../waiting.js';

const ACCEPT = { isAccepted: true } as const;
const BAD_PORTS = [70_000, -1, 1.5, Number.NaN, '80', undefined];

describe('an address that is none', () => {
  it.each(BAD_PORTS)('with port %s is not listened at', async (port) => {
    const options = {
      ...createIdentity(),
      host: '127.0.0.1',
      port: port as number,
      protocols: ['test'],
      authenticate: () => ACCEPT,
      onConnection: () => undefined,
    };
    await expect(openQuicheEngine(options)).rejects.toMatchObject({ code: 'bad-option' });
  });

  it.each(['', undefined])('with host %s is not every address of the machine', async (host) => {
    await expect(openEngine({ host: host as string })).rejects.toMatchObject({
      code: 'bad-option',
    });
  });

  it.each([
    ...[...BAD_PORTS, 0].map((port) => ({ host: '127.0.0.1', port })),
    { host: '', port: 1 },
    { host: undefined, port: 1 },
    { host: 'fe80::1%lo', port: 1, from: '::1' },
  ])('is not dialled, and nothing happens later: %j', async ({ host, port, ...rest }) => {
    const engine = await openEngine({ host: 'from' in rest ? rest.from : '127.0.0.1' });
    const connecting = engine.connect({
      host: host as string,
      port: port as number,
      timeoutMs: 30,
      authenticate: () => ACCEPT,
      onOpen: (connection) =>
        connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
    });
    await expect(connecting).rejects.toMatchObject({
      code: expect.stringMatching(/bad-option|host-not-found/) as string,
    });
    // What a timer throws would end the test.
    await sleep(60);
  });
});
