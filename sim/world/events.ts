/** What waits on the heap of a world. */
import type { DiskFailure } from './disk.js';
import type { Link } from './link.js';
import type { NodeState } from './node.js';
import type { HashedName } from './trace.js';

interface StartEvent<Message, Value> {
  readonly kind: 'start';
  readonly node: NodeState<Message, Value>;
  /** What was planned for an earlier life of the node does not happen. */
  readonly life: number;
}

export interface MessageEvent<Message, Value> {
  readonly kind: 'message';
  readonly node: NodeState<Message, Value>;
  readonly link: Link;
  readonly message: Message;
  readonly sentMicroseconds: number;
  /** The connection of the link on which it was sent; negative for a replay, by their time. */
  readonly connection: number;
}

export interface TickEvent<Message, Value> {
  readonly kind: 'tick';
  readonly node: NodeState<Message, Value>;
  readonly tag: HashedName;
  /** By the clock of the node. The timer that its node holds for the tag is the one that runs. */
  readonly deadlineMicroseconds: number;
}

/** The sync of this node that began first is due. */
export interface SyncEvent<Message, Value> {
  readonly kind: 'sync';
  readonly node: NodeState<Message, Value>;
  readonly life: number;
  /** Stale when the node has planned its syncs anew since. */
  readonly plan: number;
}

/** A slow reader takes its next message. */
interface ReadEvent<Message, Value> {
  readonly kind: 'read';
  readonly node: NodeState<Message, Value>;
  readonly life: number;
}

interface ConnectionLostEvent<Message, Value> {
  readonly kind: 'connection-lost';
  readonly node: NodeState<Message, Value>;
  readonly life: number;
  readonly peer: HashedName;
}

interface ActionEvent {
  readonly kind: 'action';
  readonly name: HashedName;
  readonly run: () => void;
}

export type WorldEvent<Message, Value> =
  | StartEvent<Message, Value>
  | MessageEvent<Message, Value>
  | TickEvent<Message, Value>
  | SyncEvent<Message, Value>
  | ReadEvent<Message, Value>
  | ConnectionLostEvent<Message, Value>
  | ActionEvent;

/** The end of a sync; undefined when it succeeded. */
interface SyncEnd {
  readonly kind: 'sync-end';
  readonly token: number;
  readonly failure: DiskFailure | undefined;
}

/** What a process can be told, and what waits while it is paused. */
export type Telling<Message, Value> =
  | MessageEvent<Message, Value>
  | TickEvent<Message, Value>
  | ConnectionLostEvent<Message, Value>
  | SyncEnd;
