import { createSocket, type Socket } from 'node:dgram';
import { host, NO_ADDRESS, type Transport } from './link.js';

/**
 * Bare datagrams, neither encrypted nor repeated when lost: what `node:dgram` could carry at most.
 */
export const datagrams: Transport = {
  serve: async () => {
    const socket = createSocket({
      type: 'udp4',
      // Targets are addresses already: without this each send waits for a turn of the loop.
      lookup: (target, _options, callback) => callback(null, target, 4),
    });
    socket.on('message', (bytes, remote) => socket.send(bytes, remote.port, remote.address));
    await new Promise<void>((resolve) => socket.bind(0, host, resolve));
    return { ...NO_ADDRESS, port: socket.address().port };
  },
  connect: async (address) => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(address.port, host, resolve);
    });
    // Between two sockets of one machine answers keep their order, and 64 of them fit its buffers.
    const waiting: ((answer: Uint8Array) => void)[] = [];
    socket.on('message', (bytes) => waiting.shift()?.(bytes));
    return {
      echo: (payload) =>
        new Promise((resolve) => {
          waiting.push(resolve);
          socket.send(payload);
        }),
      close: () => closed(socket),
    };
  },
};

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(resolve));
}
