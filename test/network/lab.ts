import { fileURLToPath } from 'node:url';
import { HEADER_BYTES, type LinkPolicy } from './impairment.js';
import { Star } from '../../src/chaos/namespaces.js';
import { Remote } from '../../src/chaos/remote.js';
import type { PeerPlace } from './peer.js';

/** The left node, the right node, and the router between them. */
export const LEFT = '10.77.1.2';
export const LEFT_SECOND = '10.77.1.3';
const ROUTER_LEFT = '10.77.1.1';
const ROUTER_RIGHT = '10.77.2.1';
const RIGHT = '10.77.2.2';

export interface LabOptions {
  /** Of the cables. Bytes. */
  readonly mtuBytes: number;
  readonly policy: LinkPolicy;
  readonly congestionControl: 'bbr' | 'cubic' | 'reno';
  readonly seed: number;
}

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Two nodes and the router between them, in namespaces of their own. */
export class Lab {
  readonly network = new Star('router', [
    { name: 'left', hosts: [LEFT, LEFT_SECOND], gateway: ROUTER_LEFT },
    { name: 'right', hosts: [RIGHT], gateway: ROUTER_RIGHT },
  ]);
  /** Who impairs the path. */
  impairedBy: 'netem' | 'relay' | 'nobody' = 'nobody';
  left!: Remote;
  right!: Remote;
  relay!: Remote;

  /** Creates everything and connects left to right. Removes what it made when that fails. */
  static async open(options: LabOptions): Promise<Lab> {
    const lab = new Lab();
    try {
      await lab.#open(options);
      return lab;
    } catch (error) {
      lab.close();
      throw error;
    }
  }

  async #open({ mtuBytes, policy, congestionControl, seed }: LabOptions): Promise<void> {
    this.network.create(mtuBytes);
    let relayed = policy;
    if (policy.delayMs > 0) {
      this.impairedBy = this.network.impair(netemArguments(policy)) ? 'netem' : 'relay';
      if (this.impairedBy === 'netem') relayed = plain(policy);
    }
    const { network } = this;
    this.left = new Remote(network.namespaceOf('left'), script('peer.js'));
    this.right = new Remote(network.namespaceOf('right'), script('peer.js'));
    this.relay = new Remote(network.hub, script('relay.js'), [
      String(seed),
      JSON.stringify(relayed),
    ]);
    const place = await this.right.call<PeerPlace>('open', { host: RIGHT, congestionControl });
    await this.left.call('open', { host: LEFT, congestionControl });
    const forward = (port: number): Promise<number> =>
      this.relay.call<number>('forward', {
        inside: { host: ROUTER_LEFT, port: 0 },
        outsideHost: ROUTER_RIGHT,
        target: { host: RIGHT, port },
      });
    await this.left.call('connect', {
      host: ROUTER_LEFT,
      enginePort: await forward(place.enginePort),
      rpcPort: await forward(place.rpcPort),
      peerId: place.peerId,
    });
  }

  close(): void {
    for (const each of [this.left, this.right, this.relay] as (Remote | undefined)[]) each?.kill();
    this.network.remove();
  }
}

function plain(policy: LinkPolicy): LinkPolicy {
  return {
    ...policy,
    lossShare: 0,
    delayMs: 0,
    jitterMs: 0,
    reorderShare: 0,
    duplicateShare: 0,
    bitsPerSecond: 0,
  };
}

function netemArguments(policy: LinkPolicy): string[] {
  const percent = (share: number): string => `${share * 100}%`;
  const packets = Math.ceil(policy.queueBytesMax / (policy.mtuBytes - HEADER_BYTES));
  const { delayMs, jitterMs, lossShare, reorderShare, duplicateShare, bitsPerSecond } = policy;
  const text =
    `delay ${delayMs}ms ${jitterMs}ms loss ${percent(lossShare)} reorder ${percent(reorderShare)} ` +
    `duplicate ${percent(duplicateShare)} rate ${bitsPerSecond / 1e6}mbit limit ${packets}`;
  return text.split(' ');
}
