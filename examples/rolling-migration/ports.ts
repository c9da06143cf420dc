/** UDP ports of the loopback for nodes that keep theirs over restarts. */
import { createSocket } from 'node:dgram';

/**
 * Below the ports that systems give out by themselves: a node that is down must find its port free
 * when it comes back.
 */
const PORT_MIN = 10_000;
const PORT_COUNT = 20_000;
const given = new Set<number>();

/** A port that nobody uses now, and that this process has not given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * PORT_COUNT);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    return await new Promise((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(true));
    });
  } finally {
    socket.close();
  }
}
