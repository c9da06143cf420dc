import { fileURLToPath } from 'node:url';
import { HEADER_BYTES, type LinkPolicy } from './impairment.js';
import { LEFT, Namespaces, RIGHT, ROUTER_LEFT, ROUTER_RIGHT } from './namespaces.js';
import type { PeerPlace } from './peer.js';
import { Remote } from './remote.js';

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
  readonly namespaces = new Namespaces();
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
    this.namespaces.create(mtuBytes);
    let relayed = policy;
    if (policy.delayMs > 0) {
      this.impairedBy = this.namespaces.impair(netemArguments(policy)) ? 'netem' : 'relay';
      if (this.impairedBy === 'netem') relayed = plain(policy);
    }
    const { left, router, right } = this.namespaces;
    this.left = new Remote(left, script('peer.js'));
    this.right = new Remote(right, script('peer.js'));
    this.relay = new Remote(router, script('relay.js'), [String(seed), JSON.stringify(relayed)]);
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
    this.namespaces.remove();
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
