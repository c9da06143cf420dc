import type { LocalAddress } from '../connection.js';
import { PACKET_BYTES_MIN, PATHS_MAX, PATH_EVENTS_PER_TURN_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import { ConnectionIds, type ConnectionIdsOwner } from './connection-ids.js';
import type { ConnectionLog } from './connection-log.js';
import type { ConnectionOwner } from './connection-owner.js';
import type { ConnectionGuard } from './guard.js';
import { Migration } from './migration.js';
import type { NativeConnection, NativeHost, NativePathEvent } from './native.js';
import { PathAddresses, isSame } from './path-addresses.js';
import { displayHost } from './udp-socket.js';
import { UnprovenPath } from './unproven-path.js';

/** What the paths of a connection ask of it. */
export interface PathsOwner extends ConnectionIdsOwner {
  readonly isServer: boolean;
  /** Throws `QuicError` with code `closed` when the connection cannot move any more. */
  assertUsable(): void;
  markDirty(): void;
  /** Sends the peer a packet that it acknowledges. */
  ask(): void;
  /** Packets go from here to there from now on. */
  onPathChanged(local: NativeHost, remote: NativeHost): void;
}

/** Of what is no packet: quiche lets three times as much be sent to where it comes from. */
const CREDIT_BYTES = 64;

interface ReceiveInfo {
  readonly from: NativeHost;
  readonly to: NativeHost;
}

/** The paths of one connection: where the peer is, where this side is, and how either moves. */
export class Paths {
  remoteHost: string;
  remotePort: number;

  readonly #owner: PathsOwner;
  readonly #engine: ConnectionOwner;
  readonly #native: NativeConnection;
  readonly #log: ConnectionLog | undefined;
  /** The two ends of the first path, which the engine keeps using whoever moves. */
  readonly #firstLocal: NativeHost;
  readonly #first: NativeHost;
  readonly #addresses: PathAddresses;
  readonly #ids: ConnectionIds;
  readonly #migration: Migration;
  /** Where this side is now: what the engine calls the first local address. */
  #local: NativeHost;
  /** Of the last packet, on the wire and as the engine calls it. */
  #receiveInfo: ReceiveInfo;
  #engineInfo: ReceiveInfo;
  /** Paths that quiche has had; it forgets none of them. */
  #count = 1;
  #isRebound = false;
  /** The engine is back on the first path, and the second is asked for what it lost. */
  #isRecovering = false;
  /** Where the peer seems to be, as long as it has not answered from there. */
  #unproven: UnprovenPath | undefined;
  /** Others where it seemed to be: it went back, tries an address, or a copy or late packet came. */
  #strays: UnprovenPath[] = [];

  constructor(
    owner: PathsOwner,
    engine: ConnectionOwner,
    native: NativeConnection,
    local: NativeHost,
    remote: NativeHost,
    log: ConnectionLog | undefined,
  ) {
    this.#owner = owner;
    this.#engine = engine;
    this.#native = native;
    this.#log = log;
    this.#firstLocal = local;
    this.#local = local;
    this.#first = remote;
    this.remoteHost = displayHost(remote.host);
    this.remotePort = remote.port;
    this.#receiveInfo = { from: remote, to: local };
    this.#engineInfo = this.#receiveInfo;
    this.#addresses = new PathAddresses(remote);
    this.#ids = new ConnectionIds(owner, engine, native);
    this.#migration = new Migration(native, () => owner.markDirty());
  }

  /**
   * The peer is being heard at another address. Until the engine is back on the first path, little
   * may be sent: what is lost on the other stays lost.
   */
  get isRebound(): boolean {
    return this.#isRebound || this.#unproven?.isActive === true;
  }

  /** While `isRebound`: largest packet to be made now; 0: none yet. */
  nextPacketBytes(nowMs: number): number {
    if (this.#unproven?.isActive !== true) return PACKET_BYTES_MIN;
    return this.#unproven.nextPacketBytes(nowMs);
  }

  /** The peer has answered a challenge. */
  onPathResponse(): void {
    if (this.#unproven !== undefined) this.#unproven.isAnswered = true;
  }

  /** True when there is hardly room for another path. */
  get isWorn(): boolean {
    return this.#count >= PATHS_MAX;
  }

  /** The handshake is over: gives the peer ids for other paths. */
  begin(): void {
    if (this.#ids.supply()) this.#owner.markDirty();
  }

  /** Called about once a second, while packets come. */
  tick(): void {
    if (this.#ids.replaceRetired()) this.#owner.markDirty();
    if (this.#unproven !== undefined) this.#challenge(this.#unproven);
    for (const stray of this.#strays) {
      if (stray.isActive) this.#watch(stray);
      else if (stray.isLate) this.#giveUp(stray);
      else stray.isLate = true;
    }
  }

  /** Whether a packet from here comes from where the one before came from. */
  isLast(host: string, port: number, local: NativeHost): boolean {
    const { from, to } = this.#receiveInfo;
    return from.port === port && from.host === host && to === local;
  }

  /** What the engine is told of a packet; made anew only when it comes from elsewhere. */
  receiveInfo(host: string, port: number, local: NativeHost): ReceiveInfo {
    if (this.isLast(host, port, local)) return this.#engineInfo;
    this.#receiveInfo = { from: { host, port }, to: local };
    this.#engineInfo = {
      from: this.#addresses.nameOf({ host, port }),
      to: local === this.#local ? this.#firstLocal : local,
    };
    return this.#engineInfo;
  }

  /** From where a packet goes that the engine wants sent from `name`. */
  localOf(name: NativeHost): NativeHost {
    if (this.#local === this.#firstLocal) return name;
    return isSame(name, this.#firstLocal) ? this.#local : name;
  }

  /** Where a packet goes that the engine wants sent to `name`. */
  wireOf(name: NativeHost): NativeHost {
    return this.#addresses.wireOf(name);
  }

  /** As `Connection.migrate`. */
  async migrate(address: LocalAddress, guard: ConnectionGuard): Promise<void> {
    if (this.#owner.isServer) {
      const text = 'the connection stays on its path: only the side that dialled can move it';
      throw new QuicError('migration-failed', text);
    }
    this.#owner.assertUsable();
    if (!guard.allowsPath()) {
      const text = 'the connection stays on its path: the peer has withdrawn its first id';
      throw new QuicError('migration-failed', text);
    }
    guard.onPath();
    const local = await this.#engine.bindLocal(address);
    try {
      this.#owner.assertUsable();
      await this.#migration.awaitId();
      this.#owner.assertUsable();
      await this.#migration.probe(local, this.#first);
      this.#owner.assertUsable();
    } catch (error) {
      this.#engine.releaseLocal(local);
      throw error;
    }
    // The new path is known to work. As with the peer's addresses, the engine goes on with the first
    // path, under whose name packets leave from the new address from now on.
    this.#engine.releaseLocal(this.#local);
    this.#local = local;
    this.#receiveInfo = { ...this.#receiveInfo, to: this.#firstLocal };
    this.#engineInfo = { ...this.#engineInfo, to: this.#firstLocal };
    this.#onNewPath();
    this.#owner.onPathChanged(local, this.#first);
    // The peer follows when it hears a packet that is no probe (RFC 9000 9.3), which a side that only
    // listens may not send for long, and a single one may be lost. The challenges that go with it go by
    // the name of the new path: one that is lost too often is the end of its path, and that must not
    // be the first.
    this.#migration.insist(() => {
      this.#migration.probeAgain(local, this.#first);
      this.#owner.ask();
    });
  }

  /** Returns false when there are more events than one turn looks at. */
  readEvents(): boolean {
    for (let left = PATH_EVENTS_PER_TURN_MAX; left > 0; left -= 1) {
      const event = this.#native.pathEventNext() ?? null;
      if (event === null) return true;
      this.#onEvent(event);
    }
    return false;
  }

  /** The connection is over. */
  abandon(): void {
    this.#migration.abandon();
    this.#engine.releaseLocal(this.#local);
  }

  #onEvent(event: NativePathEvent): void {
    this.#log?.onPath(event);
    this.#migration.onPathEvent(event);
    if (event.type === 'New') {
      this.#onNewPath();
      // A path that this side opened is probed by its migration, and no event of quiche.
      const path = new UnprovenPath(this.#native, event.local, event.peer);
      if (this.#unproven?.isActive === true) this.#strays.push(path);
      else this.#watch(path);
    } else if (event.type === 'Validated') {
      this.#forget({ local: event.local, name: event.peer });
    } else if (event.type === 'ReusedSourceConnectionId') this.#isRebound = true;
    else if (event.type === 'FailedValidation') {
      this.#giveUp(new UnprovenPath(this.#native, event.local, event.peer));
    }
    // quiche calls its local address `old`, and the peer's `new`.
    else if (event.type === 'PeerMigrated') this.#onPeerMigrated(event.old, event.new);
  }

  /** This is where the peer seems to be. */
  #watch(path: UnprovenPath): void {
    this.#forget(path);
    this.#stray();
    this.#unproven = path;
    this.#migration.insist(() => this.#challenge(path));
  }

  /** The peer seems to be elsewhere. It may come back: a name is only given up after a while. */
  #stray(): void {
    if (this.#unproven === undefined) return;
    this.#strays.push(this.#unproven);
    this.#unproven = undefined;
    this.#isRebound = false;
  }

  #forget({ local, name }: Pick<UnprovenPath, 'local' | 'name'>): void {
    this.#strays = this.#strays.filter((each) => !each.isOn(local, name));
    if (this.#unproven?.isOn(local, name) === true) this.#unproven = undefined;
  }

  #challenge(path: UnprovenPath): void {
    if (path === this.#unproven && path.mayProbe) {
      this.#migration.probeAgain(path.local, path.name);
    }
  }

  /**
   * What was on its way on a path that the engine has left: of its last packets quiche sends the first
   * two again, and the others never, unless a later one is acknowledged. A challenge is such a one.
   */
  #recover(local: NativeHost, names: readonly NativeHost[]): void {
    this.#isRecovering = true;
    let turn = 0;
    const ask = (): void => {
      // One after another, for the peer takes only so many challenges.
      const name = names[turn % names.length]!;
      turn += 1;
      this.#credit(local, name);
      this.#migration.probeAgain(local, name);
    };
    this.#migration.insist(ask, () => this.#endRecovery());
  }

  /**
   * Lets quiche send a little on a path whose other end has not answered from there, for it counts
   * what arrives before it looks at it. Only for names that lead to where the peer has been proven to be.
   */
  #credit(local: NativeHost, name: NativeHost): void {
    if (!this.#owner.isServer) return;
    try {
      this.#native.recv(Buffer.alloc(CREDIT_BYTES), { from: name, to: local });
    } catch {
      // It is no packet.
    }
  }

  #endRecovery(): void {
    this.#isRecovering = false;
    this.#addresses.settle();
  }

  /** A path that has failed, or that the peer has left before it answered there. */
  #giveUp({ local, name }: UnprovenPath): void {
    if (this.#unproven?.isOn(local, name) === true) this.#isRebound = false;
    this.#forget({ local, name });
    this.#addresses.rename(name);
    // A challenge that quiche still wants to send there, but may not, would hold up all else.
    this.#credit(local, name);
    this.#engineInfo = {
      ...this.#engineInfo,
      from: this.#addresses.nameOf(this.#receiveInfo.from),
    };
  }

  #onNewPath(): void {
    this.#count += 1;
    this.begin();
  }

  #onPeerMigrated(local: NativeHost, name: NativeHost): void {
    if (this.#unproven?.isOn(local, name) === false) this.#stray();
    // Heard under the name of the path that was left: the peer is at its first address again.
    if (this.#isRecovering) this.#endRecovery();
    const remote = this.#addresses.wireOf(name);
    if (isSame(name, this.#first)) {
      this.#isRebound = false;
      const { missing } = this.#addresses;
      if (missing.length === 0) this.#addresses.settle();
      else this.#recover(local, missing);
    } else {
      this.#isRebound = true;
      this.#addresses.exchange(remote, name);
      this.#engineInfo = { ...this.#engineInfo, from: this.#addresses.nameOf(remote) };
    }
    if (remote.port === this.remotePort && displayHost(remote.host) === this.remoteHost) return;
    this.remoteHost = displayHost(remote.host);
    this.remotePort = remote.port;
    this.#owner.onPathChanged(local, remote);
  }
}
