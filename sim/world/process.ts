import type { DiskFailure, DiskView } from './disk.js';

/**
 * What a process may do to the world. Everything takes effect in simulated time; nothing returns
 * later than at once, and there is no other way to learn the time or to draw a number.
 *
 * Messages and values written must not be changed afterwards: they are handed over, not copied
 * (bytes are).
 */
export interface Context<Message, Value> {
  /** The name of the node. */
  readonly name: string;
  /**
   * Microseconds since the world began. No real process knows this; it is for what the scenario
   * records. A protocol reads the clocks below.
   */
  readonly nowMicroseconds: number;
  /** The monotonic clock of the node, which drifts. Timers run by it. */
  readonly clockMicroseconds: number;
  /** The wall clock of the node, which drifts, and jumps forward and back. */
  readonly wallMicroseconds: number;
  /** At least 0 and less than 1, from the node's own stream. */
  random(): number;
  /** Sends a message; it may be lost, doubled or late. To oneself it always arrives, next. */
  send(to: string, message: Message): void;
  /** Calls `onTick(tag)` after the delay. Setting a tag again replaces the timer before. */
  setTimer(delayMicroseconds: number, tag: string): void;
  /** Forgets the timer of this tag, if any. */
  clearTimer(tag: string): void;
  /** Writes to the page cache of the disk; undefined removes the key. */
  write(key: string, value: Value | undefined): void;
  /**
   * Calls `onDiskSynced(token)` once all that is written so far would outlive a crash, or
   * `onDiskFailed` with the token.
   */
  sync(token: number): void;
}

/** A program that runs on a node: synchronous, and alive until its node crashes. */
export interface Process<Message> {
  onMessage(from: string, message: Message): void;
  /** A timer has run out. */
  onTick(tag: string): void;
  /** A sync has finished. Syncs finish in the order in which they began. */
  onDiskSynced(token: number): void;
  /**
   * A sync has failed. Nothing that it should have covered will be durable unless it is written
   * again; after `full`, only keys that were removed are gone for good.
   * A process without this handler crashes.
   */
  onDiskFailed?(reason: DiskFailure, token: number): void;
  /** What was on its way to and from this peer is lost. */
  onConnectionLost?(peer: string): void;
}

/** How a node begins, the first time and after each crash. */
export interface NodeProgram<Message, Value> {
  start(disk: DiskView<Value>, context: Context<Message, Value>): Process<Message>;
}
