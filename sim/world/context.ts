import { assert } from './errors.js';
import type { Host } from './host.js';
import type { NodeState, Route } from './node.js';
import type { Context } from './process.js';
import type { Timeline } from './timeline.js';
import type { Transport } from './transport.js';

/** The parts of a world that a process acts through. */
export interface Hands<Message, Value> {
  readonly timeline: Timeline<Message, Value>;
  readonly host: Host<Message, Value>;
  readonly transport: Transport<Message, Value>;
  route(node: NodeState<Message, Value>, to: string): Route<Message, Value>;
}

/** The context of one life of a node: it acts only while that life lasts. */
export class NodeContext<Message, Value> implements Context<Message, Value> {
  readonly name: string;
  readonly #node: NodeState<Message, Value>;
  readonly #life: number;
  readonly #hands: Hands<Message, Value>;

  constructor(node: NodeState<Message, Value>, hands: Hands<Message, Value>) {
    this.name = node.name.text;
    this.#node = node;
    this.#life = node.life;
    this.#hands = hands;
  }

  get nowMicroseconds(): number {
    return this.#hands.timeline.nowMicroseconds;
  }

  get clockMicroseconds(): number {
    return this.#node.clock.monotonic(this.#hands.timeline.nowMicroseconds);
  }

  get wallMicroseconds(): number {
    return this.#node.clock.wall(this.#hands.timeline.nowMicroseconds);
  }

  random(): number {
    return this.#node.random.fraction();
  }

  send(to: string, message: Message): void {
    this.#mustLive();
    const node = this.#node;
    const route = node.routes.get(to) ?? this.#hands.route(node, to);
    this.#hands.transport.send(route, node, message);
  }

  setTimer(delayMicroseconds: number, tag: string): void {
    this.#mustLive();
    this.#hands.host.setTimer(this.#node, delayMicroseconds, tag);
  }

  clearTimer(tag: string): void {
    this.#node.timers.delete(tag);
  }

  write(key: string, value: Value | undefined): void {
    this.#mustLive();
    this.#node.disk.write(key, value);
  }

  sync(token: number): void {
    this.#mustLive();
    this.#hands.host.sync(this.#node, token);
  }

  #mustLive(): void {
    const { isUp, life, name } = this.#node;
    // The sentence is put together only when it is needed: this runs on every call.
    if (!isUp || life !== this.#life)
      assert(false, `${name.text} acts only while its process lives`);
  }
}
