import { fork, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import { CLOSE_FLUSH_MS_MAX } from '../../../transport/quic/limits.js';
import { listenRpc } from '../../../transport/rpc/index.js';
import type { CloseInfo, PeerAddress } from '../../../transport/rpc/rpc.js';
import { addressOf, listen, pair, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

const PEER_PROCESS = fileURLToPath(new URL('./peer-process.js', import.meta.url));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A peer in a process of its own, with the same identity and port when they are given again. */
async function startPeer(args: readonly string[]): Promise<{
  readonly child: ChildProcess;
  readonly exited: Promise<unknown[]>;
  readonly address: PeerAddress;
  readonly privateKeyPem: string;
}> {
  const child = fork(PEER_PROCESS, args);
  children.push(child);
  // Asked for at once: on a busy machine the exit of a short-lived child is heard before its
  // message.
  const exited = once(child, 'exit');
  const [message] = (await once(child, 'message')) as [PeerAddress & { privateKeyPem: string }];
  const { host, port, peerId, privateKeyPem } = message;
  return { child, exited, address: { host, port, peerId }, privateKeyPem };
}

function handleCount(): number {
  return process.getActiveResourcesInfo().filter((each) => each !== 'PipeWrap').length;
}

describe('an address', () => {
  it('that nobody answers at fails in the time given', async () => {
    const client = await listen();
    const silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    const { port } = silent.address();
    const address = { host: '127.0.0.1', port, peerId: createIdentity().peerId };
    expect(await rejection(client.connect(address, { timeoutMs: 200 }))).toMatchObject({
      code: 'unavailable',
      message: `no answer from 127.0.0.1:${port} in 200 ms`,
      reason: 'timeout',
    });
    silent.close();
  });

  it('is no longer waited for when the caller cancels', async () => {
    const client = await listen();
    const controller = new AbortController();
    const address = { host: '127.0.0.1', port: 9, peerId: createIdentity().peerId };
    const dial = client.connect(address, { timeoutMs: 60_000, signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    expect(await rejection(dial)).toMatchObject({ code: 'cancelled' });
    const late = client.connect(address, { timeoutMs: 60_000, signal: controller.signal });
    expect(await rejection(late)).toMatchObject({ code: 'cancelled' });
  });

  it('with a name that does not exist says so', async () => {
    const client = await listen();
    const address = { host: 'no-such-host.invalid', port: 9, peerId: createIdentity().peerId };
    expect(await rejection(client.connect(address, WITHIN))).toMatchObject({
      code: 'unavailable',
      message: "the host name 'no-such-host.invalid' has no usable address",
    });
  });

  it('that is in use cannot be listened on, and the message says what to do', async () => {
    const first = await listen();
    const error = await rejection(
      listenRpc({ identity: createIdentity(), host: '127.0.0.1', port: first.port, handlers: {} }),
    );
    expect(error).toMatchObject({
      name: 'RpcError',
      code: 'unavailable',
      reason: 'address-in-use',
      message: `cannot listen on 127.0.0.1:${first.port}: the UDP port is in use; stop the process that holds it or choose another port`,
    });
  });

  it('that is not of this machine cannot be listened on', async () => {
    const error = await rejection(
      listenRpc({ identity: createIdentity(), host: '192.0.2.1', port: 0, handlers: {} }),
    );
    expect(error).toMatchObject({ code: 'unavailable', reason: 'address-unavailable' });
  });

  it('of IPv6 works, and reaches IPv4 from a socket of both', async () => {
    const server = await listen({ echo: (payload) => payload }, { host: '::1' });
    const client = await listen({}, { host: '::1' });
    const connection = await client.connect({ ...addressOf(server), host: '::1' }, WITHIN);
    expect(await connection.call('echo', 6, WITHIN)).toBe(6);
    const both = await listen({}, { host: '::' });
    const four = await listen({ echo: (payload) => payload });
    const mixed = await both.connect(addressOf(four), WITHIN);
    expect(await mixed.call('echo', 4, WITHIN)).toBe(4);
    expect(mixed.remoteHost).toBe('127.0.0.1');
  });
});

describe('a connection', () => {
  it('that is lost in the middle of a call fails the call', async () => {
    let isRunning = false;
    let aborted: unknown;
    const { server, connection } = await pair({
      hang: (_payload, { signal }) => {
        isRunning = true;
        signal.addEventListener('abort', () => (aborted = signal.reason));
        return new Promise(() => undefined);
      },
    });
    const call = rejection(connection.call('hang', null, { timeoutMs: 60_000 }));
    await until(() => isRunning);
    await server.close(0);
    expect(await call).toMatchObject({ code: 'unavailable' });
    expect(await connection.closed).toEqual({
      code: 3,
      reason: 'the peer is shutting down',
      local: false,
    });
    expect(aborted).toMatchObject({ code: 'unavailable' });
    expect(await rejection(connection.call('hang', null, WITHIN))).toMatchObject({
      code: 'unavailable',
    });
  });

  it('says on both sides why it was closed', async () => {
    const { server, connection } = await pair({});
    const [back] = [...server.connections()];
    const closed: Promise<CloseInfo>[] = [connection.closed, (back ?? connection).closed];
    await connection.close(77, 'enough');
    expect(await Promise.all(closed)).toEqual([
      { code: 77, reason: 'enough', local: true },
      { code: 77, reason: 'enough', local: false },
    ]);
    expect([...server.connections()]).toEqual([]);
  });

  it('delivers what was written before it is closed', async () => {
    let count = 0;
    let bytes = 0;
    const { connection } = await pair({
      note: (payload) => {
        count += 1;
        bytes += (payload as Uint8Array).length;
      },
    });
    for (let each = 0; each < 20; each += 1) connection.notify('note', new Uint8Array(50_000));
    await connection.close();
    await until(() => count === 20);
    expect(bytes).toBe(1_000_000);
  });

  it('closes fast when there is nothing to deliver', async () => {
    // One of them is not held up by what else the machine does.
    const tookMs: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const { connection } = await pair({ echo: (payload) => payload });
      for (let each = 0; each < 5; each += 1) await connection.call('echo', each, WITHIN);
      const startedMs = performance.now();
      await connection.close();
      tookMs.push(performance.now() - startedMs);
    }
    expect(Math.min(...tookMs)).toBeLessThan(CLOSE_FLUSH_MS_MAX / 4);
  });

  it('stays while it is idle, and while the event loop is blocked', async () => {
    const settings = { idleTimeoutMs: 400, keepAliveMs: 100 };
    const { connection } = await pair(
      { echo: (payload) => payload },
      { server: { settings }, client: { settings } },
    );
    await sleep(1_000);
    // Both sides stand still for longer than the idle timeout; what they sent before waits in the
    // sockets.
    const blockedUntil = performance.now() + 600;
    while (performance.now() < blockedUntil);
    await sleep(50);
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
  });

  it('ends without keep-alive when it is idle', async () => {
    const settings = { idleTimeoutMs: 200, keepAliveMs: 0 };
    const { connection } = await pair({}, { server: { settings }, client: { settings } });
    expect(await connection.closed).toMatchObject({
      reason: 'nothing was heard from the peer for 200 ms',
      local: false,
    });
  });
});

describe('a peer that is killed', () => {
  it('fails its calls within the idle timeout, and is reached again when it is back', async () => {
    const first = await startPeer([]);
    const settings = { idleTimeoutMs: 600, keepAliveMs: 200 };
    const client = await listen({}, { settings });
    const connection = await client.connect(first.address, WITHIN);
    const call = rejection(connection.call('hang', null, { timeoutMs: 3_600_000 }));
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
    first.child.kill('SIGKILL');
    expect(await call).toMatchObject({ code: 'unavailable' });
    expect(connection.isOpen).toBe(false);
    expect([...client.connections()]).toEqual([]);

    const second = await startPeer([String(first.address.port), first.privateKeyPem]);
    expect(second.address).toEqual(first.address);
    const again = await client.connect(first.address, WITHIN);
    expect(await again.call('echo', 2, WITHIN)).toBe(2);
  });

  it('and an endpoint that is closed keeps no process alive', async () => {
    const { exited } = await startPeer(['close-soon']);
    expect(await exited).toEqual([0, null]);
  });
});

describe('an endpoint', () => {
  it('that closes lets handlers finish, and takes no new calls', async () => {
    let finish: (() => void) | undefined;
    const { server, connection } = await pair({
      slow: (payload) => new Promise((resolve) => (finish = () => resolve(payload))),
    });
    const slow = connection.call('slow', 'done', WITHIN);
    await until(() => finish !== undefined);
    const closing = server.close(600_000);
    const late = rejection(connection.call('slow', 'late', WITHIN));
    expect(await late).toMatchObject({ code: 'unavailable', message: 'the peer is shutting down' });
    finish?.();
    expect(await slow).toBe('done');
    await closing;
    expect(await connection.closed).toMatchObject({ code: 3 });
  });

  it('that closes waits no longer than the grace', async () => {
    let isRunning = false;
    const hanging = (): Promise<never> => {
      isRunning = true;
      return new Promise(() => undefined);
    };
    const { server, connection } = await pair({ hang: hanging });
    const hang = rejection(connection.call('hang', null, { timeoutMs: 3_600_000 }));
    await until(() => isRunning);
    // The handler never ends: without the grace this would not, either.
    await server.close(100);
    expect(await hang).toMatchObject({ code: 'unavailable' });
    await server.close();
  });

  it('that is closed frees its port, and does not connect', async () => {
    const server = await listen();
    const { port } = server;
    await server.close();
    const address = { host: '127.0.0.1', port, peerId: createIdentity().peerId };
    expect(await rejection(server.connect(address, WITHIN))).toMatchObject({ code: 'unavailable' });
    const next = await listen({}, { port });
    expect(next.port).toBe(port);
  });

  it('leaks nothing over 200 connections', async () => {
    const server = await listen({ echo: (payload) => payload });
    const client = await listen();
    const use = async (): Promise<void> => {
      const connection = await client.connect(addressOf(server), WITHIN);
      expect(await connection.call('echo', 1, WITHIN)).toBe(1);
      await connection.close();
    };
    await use();
    const before = handleCount();
    for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 10 }, use));
    await until(() => [...server.connections()].length === 0);
    await until(() => handleCount() <= before);
  });
});
