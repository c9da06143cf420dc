/**
 * The connection to one member, kept up for as long as the client wants the member.
 *
 *   connecting --hello answered--> open --call timed out--> suspect
 *       ^                           |  ^---heartbeat answered--'  |
 *       '------ waits, doubling <---+---- heartbeat unanswered <--'
 *
 * A member is judged by heartbeats, not by the calls of users: a call may time out because the swarm
 * has no leader, while a heartbeat is answered by the member alone.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import type { CallOptions, PeerAddress, RpcConnection } from '../../transport/rpc/rpc.js';
import type { Hello } from './answers.js';
import { helloSchema, parseAnswer } from './answers.js';
import { ClientError } from './errors.js';
import { RECONNECT_MS_MAX, RECONNECT_MS_MIN } from './limits.js';
import type { ClientSettings } from './settings.js';

export type LinkState = 'connecting' | 'open' | 'suspect' | 'stopped';

/** What a link needs from the client that owns it. */
export interface LinkOwner {
  readonly token: string | null;
  readonly settings: ClientSettings;
  connect(address: PeerAddress, options: CallOptions): Promise<RpcConnection>;
  /** A member introduced itself or answered a heartbeat; throws when it belongs to another swarm. */
  onHello(hello: Hello): void;
  /** The state of a link changed, or its first attempt failed. */
  onChange(): void;
}

export class MemberLink {
  /** The member is about to migrate, as the last answer of any member said: it is asked last. */
  cordoned = false;
  #state: LinkState = 'connecting';
  #connection: RpcConnection | undefined;
  #address: PeerAddress;
  #error: unknown;
  #settled = false;
  #avoidedUntilMs = 0;
  #wake: (() => void) | undefined;
  readonly #stop = new AbortController();
  readonly #owner: LinkOwner;
  readonly #finished: Promise<void>;

  constructor(address: PeerAddress, owner: LinkOwner) {
    this.#address = address;
    this.#owner = owner;
    this.#finished = this.#run();
  }

  get peerId(): string {
    return this.#address.peerId;
  }

  get address(): PeerAddress {
    return this.#address;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why the last attempt to connect failed. */
  get error(): unknown {
    return this.#error;
  }

  /** True once the first attempt to connect has ended, either way. */
  get settled(): boolean {
    return this.#settled;
  }

  get connection(): RpcConnection | undefined {
    return this.#connection?.isOpen === true ? this.#connection : undefined;
  }

  isAvoided(nowMs: number): boolean {
    return this.cordoned || nowMs < this.#avoidedUntilMs;
  }

  /** Puts the member last for a while, without doubting its connection. */
  avoid(untilMs: number): void {
    this.#avoidedUntilMs = Math.max(this.#avoidedUntilMs, untilMs);
  }

  /** A call on this connection got no answer: the next heartbeat goes out now and decides. */
  suspect(connection: RpcConnection): void {
    if (connection !== this.#connection || this.#state !== 'open') return;
    this.#setState('suspect');
    this.#wake?.();
  }

  /** Takes effect with the next attempt to connect: a member keeps its identity when it moves. */
  moveTo(address: PeerAddress): void {
    this.#address = address;
  }

  /** Closes the connection and stops asking for another one. */
  async stop(): Promise<void> {
    this.#setState('stopped');
    this.#stop.abort();
    this.#wake?.();
    await this.#connection?.close(0, 'client closed');
    await this.#finished;
  }

  async #run(): Promise<void> {
    let waitMs = RECONNECT_MS_MIN;
    while (!this.#stopped) {
      const connection = await this.#introduce();
      if (connection !== undefined) {
        waitMs = RECONNECT_MS_MIN;
        await this.#keep(connection);
        this.#connection = undefined;
        await connection.close(0, 'no heartbeat');
      }
      if (this.#stopped) return;
      this.#setState('connecting');
      await this.#pause(waitMs * (0.5 + Math.random() / 2));
      waitMs = Math.min(waitMs * 2, RECONNECT_MS_MAX);
    }
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Connects and says hello; undefined when either failed. */
  async #introduce(): Promise<RpcConnection | undefined> {
    const options = {
      timeoutMs: this.#owner.settings.handshakeTimeoutMs,
      signal: this.#stop.signal,
    };
    let connection: RpcConnection | undefined;
    try {
      connection = await this.#owner.connect(this.#address, options);
      this.#connection = connection;
      await this.#hello(connection, options);
      this.#error = undefined;
      this.#settled = true;
      if (this.#stopped) throw new ClientError('closed', 'the client was closed');
      this.#setState('open');
      return connection;
    } catch (error) {
      this.#error = error;
      this.#settled = true;
      this.#connection = undefined;
      await connection?.close(0, 'hello failed');
      this.#owner.onChange();
      return undefined;
    }
  }

  /** Returns when the connection is over or a heartbeat was not answered. */
  async #keep(connection: RpcConnection): Promise<void> {
    const { heartbeatMs, heartbeatTimeoutMs } = this.#owner.settings;
    void connection.closed.then(() => this.#wake?.());
    while (connection.isOpen && !this.#stopped) {
      if (this.#state !== 'suspect') await this.#pause(heartbeatMs);
      if (!connection.isOpen || this.#stopped) return;
      try {
        await this.#hello(connection, {
          timeoutMs: heartbeatTimeoutMs,
          signal: this.#stop.signal,
        });
      } catch (error) {
        this.#error = error;
        return;
      }
      this.#setState('open');
    }
  }

  async #hello(connection: RpcConnection, options: CallOptions): Promise<void> {
    const payload = { protocol: 1, token: this.#owner.token };
    const answer = await connection.call('client.hello', payload, options);
    this.#owner.onHello(parseAnswer(helloSchema, 'client.hello', answer));
  }

  /** Waits, unless woken: by a suspicion, by the end of the connection or by `stop`. */
  async #pause(milliseconds: number): Promise<void> {
    const waiting = new AbortController();
    this.#wake = () => waiting.abort();
    if (this.#stopped) return;
    await sleep(milliseconds, undefined, { signal: waiting.signal }).catch(() => undefined);
    this.#wake = undefined;
  }

  #setState(state: LinkState): void {
    if (this.#state === state || this.#state === 'stopped') return;
    this.#state = state;
    this.#owner.onChange();
  }
}
