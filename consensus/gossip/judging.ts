/** What a node makes of the records and claims that reach it, and of the time that passes. */
import type { GossipState, Known } from './state.js';
import { Suspicion } from './suspicion.js';
import type { ClaimItem, Item, MemberId, RecordItem } from './types.js';

/** Takes an item that `from` has passed on. What is old, or known already, changes nothing. */
export function learn(state: GossipState, from: MemberId, item: Item): void {
  if (item.kind === 'record') learnRecord(state, from, item);
  else learnClaim(state, from, item);
}

function learnRecord(state: GossipState, from: MemberId, item: RecordItem): void {
  const { record } = item;
  if (record.id === state.config.self) {
    learnOwnRecord(state, from, item);
    return;
  }
  const peerId = state.admitted.get(record.id);
  if (peerId === undefined) {
    // Evicted, or admitted by an entry that this node has not applied yet: then it comes again.
    state.refuse(from, 'not-admitted');
    return;
  }
  const known = state.known.get(record.id);
  // SWIM 4.2: the greater incarnation counts. An old record that is replayed is not greater.
  if (known !== undefined && record.incarnation <= known.item.record.incarnation) return;
  if (!state.isSigned(peerId, record.publicKey, item)) {
    state.refuse(from, 'forged');
    return;
  }
  state.put(record.id, {
    item,
    status: record.hasLeft ? 'left' : 'alive',
    sinceMs: state.nowMs,
    suspicion: undefined,
    accusation: undefined,
  });
  state.broadcasts.add(item);
}

/** A record of this node that it does not remember is of a process before this one. */
function learnOwnRecord(state: GossipState, from: MemberId, item: RecordItem): void {
  const { own } = state;
  const { incarnation, publicKey } = item.record;
  if (incarnation < own.record.incarnation || isSame(item.bytes, own.bytes)) return;
  const peerId = state.admitted.get(state.config.self);
  if (peerId === undefined) return;
  if (!state.isSigned(peerId, publicKey, item)) {
    state.refuse(from, 'forged');
    return;
  }
  state.renew(incarnation + 1);
}

function learnClaim(state: GossipState, from: MemberId, item: ClaimItem): void {
  const { subject, accuser, incarnation } = item.claim;
  if (accuser === state.config.self || accuser === subject) return;
  if (subject === state.config.self) {
    refute(state, from, item);
    return;
  }
  if (!state.admitted.has(subject) || !state.admitted.has(accuser)) {
    state.refuse(from, 'not-admitted');
    return;
  }
  const known = state.known.get(subject);
  // A claim about an incarnation that its subject has not been heard to have can be made up.
  if (known === undefined || known.item.record.incarnation !== incarnation) return;
  if (known.status !== 'alive' && known.status !== 'suspect') return;
  if (!isNews(known, item) || !isSignedByAccuser(state, from, item)) return;
  suspect(state, known, item);
}

/** Asks without leaving a trace: whether the accuser has signed is not known yet. */
function isNews({ suspicion, accusation }: Known, { claim }: ClaimItem): boolean {
  if (suspicion === undefined) return true;
  if (claim.kind === 'dead') return accusation?.claim.kind !== 'dead';
  return suspicion.wouldConfirm(claim.accuser);
}

function isSignedByAccuser(state: GossipState, from: MemberId, item: ClaimItem): boolean {
  const { accuser } = item.claim;
  const peerId = state.admitted.get(accuser);
  const key = state.known.get(accuser)?.item.record.publicKey;
  // Whose key is not known yet cannot be believed, and is no forger for it.
  if (peerId === undefined || key === undefined) return false;
  if (state.isSigned(peerId, key, item)) return true;
  state.refuse(from, 'forged');
  return false;
}

/**
 * SWIM 4.2: only the member itself can say that it is alive, by a greater incarnation. It does so too
 * when the accuser is nobody here: others may not have heard yet that it was evicted, and believe it.
 */
function refute(state: GossipState, from: MemberId, item: ClaimItem): void {
  const { accuser, incarnation } = item.claim;
  if (state.hasLeft || incarnation !== state.own.record.incarnation) return;
  if (state.known.has(accuser) && !isSignedByAccuser(state, from, item)) return;
  // Lifeguard 4.1: who is suspected may be the one who is unwell.
  state.awareness.change(1);
  state.renew(incarnation + 1);
}

/** No answer came to a probe of this node. */
export function suspectAfterProbe(state: GossipState, id: MemberId): void {
  const known = state.known.get(id);
  if (known === undefined) return;
  const { status, suspicion, item } = known;
  if (status !== 'alive' && suspicion?.wouldConfirm(state.config.self) !== true) return;
  const { incarnation } = item.record;
  suspect(state, known, state.accuse({ kind: 'suspect', subject: id, incarnation }));
}

function suspect(state: GossipState, known: Known, item: ClaimItem): void {
  const { kind, subject, accuser } = item.claim;
  let { suspicion } = known;
  let isToTell = false;
  if (suspicion === undefined) {
    const leastMs = state.suspicionLeastMs;
    const { suspicionMaxFactor, confirmations } = state.config;
    const times = {
      startMs: state.nowMs,
      leastMs,
      mostMs: leastMs * suspicionMaxFactor,
      // Of those who could confirm, this node, the accuser and the suspect are none.
      confirmations: Math.min(confirmations, Math.max(0, state.size - 3)),
    };
    suspicion = new Suspicion(times, accuser);
    known.accusation = item;
    state.put(subject, { ...known, status: 'suspect', sinceMs: state.nowMs, suspicion });
    isToTell = true;
  } else if (kind === 'suspect') {
    isToTell = suspicion.confirm(accuser);
  }
  if (kind === 'dead') {
    const current = state.known.get(subject);
    if (current !== undefined) current.accusation = item;
    // One verdict is told on, whoever it is of.
    isToTell = suspicion.conclude();
  }
  if (isToTell) state.broadcasts.add(item);
}

/** Ends the suspicions whose time is over (SWIM 4.2). */
export function expireSuspicions(state: GossipState): void {
  for (const id of state.suspects) {
    const known = state.known.get(id);
    if (known?.suspicion === undefined || state.nowMs < known.suspicion.deadlineMs) continue;
    const isTold = known.accusation?.claim.kind === 'dead';
    const { incarnation } = known.item.record;
    const verdict = isTold
      ? known.accusation
      : state.accuse({ kind: 'dead', subject: id, incarnation });
    const now = { status: 'dead', sinceMs: state.nowMs, suspicion: undefined } as const;
    state.put(id, { ...known, ...now, accusation: verdict });
    if (!isTold && verdict !== undefined) state.broadcasts.add(verdict);
  }
}

/**
 * What a member is told of itself with every message to it ("buddy system", Lifeguard 4.3): that it
 * is suspected or taken for dead, so that it can refute at once; and the record that this is about,
 * which a restarted process does not remember.
 */
export function toldToItself(state: GossipState, id: MemberId): Item[] {
  const known = state.known.get(id);
  if (known === undefined) return [state.own];
  if (known.status === 'alive') return [];
  return known.accusation === undefined ? [known.item] : [known.accusation, known.item];
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
