/** A node with groups in a process of its own; does what its parent says. */
import { RaftHost, type ReplicatedGroup } from '../../../nodes/groups/index.js';
import { identityFromPrivateKey } from '../../../transport/identity/index.js';
import type { PeerAddress } from '../../../transport/rpc/rpc.js';
import { answerParent } from '../../forked-process.js';
import { TextList, text } from './text-list.js';

interface Start {
  readonly nodeId: number;
  readonly directory: string;
  readonly privateKeyPem: string;
  readonly port: number;
}

let host: RaftHost | undefined;
const members = new Map<number, { group: ReplicatedGroup<number>; list: TextList }>();

function running(): RaftHost {
  if (host === undefined) throw new Error('start comes first');
  return host;
}

function member(id: number): { group: ReplicatedGroup<number>; list: TextList } {
  const found = members.get(id);
  if (found === undefined) throw new Error(`group ${id} is not open`);
  return found;
}

const methods = {
  async start({ nodeId, directory, privateKeyPem, port }: Start): Promise<PeerAddress> {
    host = await RaftHost.open({
      nodeId,
      directory,
      clusterId: 'processes',
      identity: identityFromPrivateKey(privateKeyPem),
      listen: { host: '127.0.0.1', port },
      tickMs: 50,
      quiesceTicks: 20,
      onGroupFailed: (_, error) => {
        throw error;
      },
    });
    return host.address;
  },
  async setPeers(peers: [number, PeerAddress][]): Promise<void> {
    running().setPeers(new Map(peers));
  },
  async open(ids: number[], founders: number[] | null): Promise<void> {
    for (const id of ids) {
      const list = new TextList();
      const options = founders === null ? {} : { members: founders };
      const group = await running().openGroup({ id, stateMachine: list, ...options });
      members.set(id, { group, list });
    }
  },
  async status(): Promise<unknown> {
    const { messagesSent, groupsAwake } = running().stats();
    const leaders = [...members].map(([id, { group }]) => {
      const { term, leader, role } = group.status();
      return { id, term, leader, leads: role === 'leader' };
    });
    return { messagesSent, groupsAwake, leaders };
  },
  propose: (id: number, value: string) => member(id).group.propose(text(value)),
  async read(id: number): Promise<string[]> {
    await member(id).group.readBarrier();
    return member(id).list.texts;
  },
};

export type Methods = typeof methods;

answerParent(methods);
