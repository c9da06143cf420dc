import { DATAGRAM_HEAD_BYTES_MAX, encodeMessage } from './codec.js';
import { toldToItself } from './judging.js';
import type { DatagramBody } from './message.js';
import type { GossipState } from './state.js';
import type { Item, MemberId } from './types.js';

/** Sends a datagram, with what the member must know of itself and as much news as fits. */
export function sendDatagram(state: GossipState, to: MemberId, body: DatagramBody): void {
  const items = itemsFor(state, to);
  if (body.type === 'gossip' && items.length === 0) return;
  state.send(to, 'datagram', encodeMessage(body, items));
}

function itemsFor(state: GossipState, to: MemberId): Item[] {
  const items: Item[] = [];
  let left = state.config.datagramBytesMax - DATAGRAM_HEAD_BYTES_MAX;
  for (const item of toldToItself(state, to)) {
    if (item.bytes.length > left) continue;
    items.push(item);
    left -= item.bytes.length;
  }
  const isTold = (item: Item): boolean => items.includes(item);
  items.push(...state.broadcasts.take(left, state.tellingsMax, isTold));
  return items;
}
