/**
 * A process between two networks that forwards datagrams as a router with address translation does,
 * and impairs them on the way. It stands in for `tc netem` where the kernel has none.
 */
import type { Socket } from 'node:dgram';
import { openSocket, send, Underway, type Address } from '../../src/chaos/datagrams.js';
import { serveParent } from '../../src/chaos/remote.js';
import { Link, type LinkPolicy } from './impairment.js';

/** A client as the target sees it. */
interface Flow {
  readonly client: Address;
  outside: Socket;
}

const seed = Number(process.argv[2]);
const up = new Link(JSON.parse(process.argv[3] ?? '') as LinkPolicy, seed, 'up');
const down = new Link(up.policy, seed, 'down');
const underway = new Underway();
const forwards: Forward[] = [];

/** One port of the relay, behind which is one port of the target. */
class Forward {
  readonly #inside: Socket;
  readonly #outsideHost: string;
  readonly #target: Address;
  readonly #flows = new Map<string, Flow>();

  constructor(inside: Socket, outsideHost: string, target: Address) {
    this.#inside = inside;
    this.#outsideHost = outsideHost;
    this.#target = target;
    inside.on('message', (bytes, { address, port }) => this.#onInside(bytes, address, port));
  }

  /** Another source port for every client from now on; answers to the old ports are lost. */
  async rebind(): Promise<void> {
    for (const flow of this.#flows.values()) {
      const old = flow.outside;
      flow.outside = this.#openOutside(flow.client);
      old.close();
    }
  }

  #onInside(bytes: Buffer, host: string, port: number): void {
    const key = `${host}:${port}`;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      const client = { host, port };
      flow = { client, outside: this.#openOutside(client) };
      this.#flows.set(key, flow);
    }
    const { outside } = flow;
    for (const atMs of up.enter(performance.now(), bytes.length)) {
      underway.add(atMs, () => send(outside, bytes, this.#target));
    }
  }

  #openOutside(client: Address): Socket {
    const socket = openSocket();
    socket.bind(0, this.#outsideHost);
    socket.on('message', (bytes) => {
      for (const atMs of down.enter(performance.now(), bytes.length)) {
        underway.add(atMs, () => send(this.#inside, bytes, client));
      }
    });
    return socket;
  }
}

serveParent({
  forward: async (params: {
    readonly inside: Address;
    readonly outsideHost: string;
    readonly target: Address;
  }) => {
    const inside = openSocket();
    await new Promise<void>((resolve) => {
      inside.bind(params.inside.port, params.inside.host, resolve);
    });
    forwards.push(new Forward(inside, params.outsideHost, params.target));
    return inside.address().port;
  },
  rebind: async () => {
    for (const each of forwards) await each.rebind();
  },
  cut: ({ isCut }: { readonly isCut: boolean }) => {
    up.isCut = isCut;
    down.isCut = isCut;
  },
  counts: () =>
    [up, down].map(({ passedCount, lostCount, overflowCount, tooLongCount }) => {
      return { passedCount, lostCount, overflowCount, tooLongCount };
    }),
});
