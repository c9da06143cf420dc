/** Who may read and write a document. */
import { z } from 'zod';
import { type HybridTime, compareTimes } from '../../consensus/crdt/clock.js';
import { RIGHTS_PEERS_MAX } from './limits.js';

const PEER_ID_CHARACTERS_MAX = 256;
const peers = z.union([
  z.literal('all'),
  z.array(z.string().min(1).max(PEER_ID_CHARACTERS_MAX)).max(RIGHTS_PEERS_MAX),
]);

/** Whom the swarm lets in may be narrowed to some peers, by their proven ids. */
export const accessShape = z.strictObject({ readers: peers, writers: peers });
export type DocumentAccess = z.infer<typeof accessShape>;

export const rightsShape = z.strictObject({
  ...accessShape.shape,
  /** The latest rights hold, by hybrid time and then by who set them. */
  time: z.strictObject({ wallMs: z.number().int().min(0), counter: z.number().int().min(0) }),
  by: z.string().max(PEER_ID_CHARACTERS_MAX),
});

/** The rights of a document, as they travel between nodes: a last-write-wins register. */
export interface Rights extends DocumentAccess {
  readonly time: HybridTime;
  readonly by: string;
}

/** Before anybody has set them: everybody whom the swarm lets in. */
export const OPEN_RIGHTS: Rights = {
  readers: 'all',
  writers: 'all',
  time: { wallMs: 0, counter: 0 },
  by: '',
};

/** Writers read, too. */
export function mayRead({ readers, writers }: DocumentAccess, peerId: string): boolean {
  return readers === 'all' || readers.includes(peerId) || mayWrite({ readers, writers }, peerId);
}

export function mayWrite({ writers }: DocumentAccess, peerId: string): boolean {
  return writers === 'all' || writers.includes(peerId);
}

/** Whether `a` takes the place of `b`: the same at every node, whatever came first. */
export function replaces(a: Rights, b: Rights): boolean {
  const order = compareTimes(a.time, b.time);
  return order !== 0 ? order > 0 : a.by > b.by;
}
