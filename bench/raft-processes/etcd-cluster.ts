import { join } from 'node:path';
import { KEYS, SERVERS, VALUE_BYTES, type Cluster } from './cluster.js';
import { GrpcConnection } from './grpc-connection.js';
import { freeTcpPort } from './ports.js';
import { bytesField, messageField, readFields, type Fields } from './protobuf.js';
import { ServerProcess } from './server-process.js';

/** Clients a connection: more connections cost both ends more than they gain. */
const CLIENTS_PER_CONNECTION = 16;
/** Of a try to write while a leader is missing; a follower that has not noticed would wait 7 s. */
const TRY_MS = 100;
const NOTHING = new Uint8Array();

interface Member {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  process: ServerProcess | undefined;
}

interface Status {
  readonly memberId: bigint;
  readonly leaderId: bigint;
  readonly raftIndex: bigint;
}

/**
 * Three processes of etcd with its default settings, spoken to by gRPC without TLS. Reads and writes
 * go to the leader, which answers them faster than a follower does.
 */
export class EtcdCluster implements Cluster {
  readonly #binary: string;
  readonly #value = Buffer.alloc(VALUE_BYTES, 'x');
  readonly #puts: readonly Buffer[];
  readonly #gets: readonly Buffer[];
  #members: Member[] = [];
  #directory = '';
  #toLeader: GrpcConnection[] = [];
  #toEach: (GrpcConnection | undefined)[] = [];
  #turn = 0;

  constructor(binary: string) {
    this.#binary = binary;
    const keys = Array.from({ length: KEYS }, (_, key) =>
      bytesField(1, Buffer.from(`key${String(key).padStart(5, '0')}`)),
    );
    this.#puts = keys.map((key) => Buffer.concat([key, bytesField(2, this.#value)]));
    this.#gets = keys;
  }

  async start(directory: string, clientsMax: number): Promise<void> {
    this.#directory = directory;
    for (let i = 0; i < SERVERS; i++) {
      const [clientPort, peerPort] = [await freeTcpPort(), await freeTcpPort()];
      this.#members.push({ name: `etcd${i}`, clientPort, peerPort, process: undefined });
    }
    for (const member of this.#members) member.process = this.#spawn(member);
    await Promise.all(this.#members.map((_, position) => this.#untilServing(position)));
    const { clientPort } = this.#members[await this.leader()]!;
    const connections = Math.ceil(clientsMax / CLIENTS_PER_CONNECTION);
    this.#toLeader = await Promise.all(
      Array.from({ length: connections }, () => GrpcConnection.open(clientPort)),
    );
    for (let key = 0; key < KEYS; key += 64) {
      await Promise.all(
        Array.from({ length: Math.min(64, KEYS - key) }, (_, i) => this.put(i, key + i)),
      );
    }
  }

  async put(client: number, key: number): Promise<void> {
    await this.#leaderConnection(client).call('/etcdserverpb.KV/Put', this.#puts[key]!);
  }

  async get(client: number, key: number): Promise<void> {
    const answer = await this.#leaderConnection(client).call(
      '/etcdserverpb.KV/Range',
      this.#gets[key]!,
    );
    const value = messageField(readFields(answer), 2).get(5);
    if (!(value instanceof Uint8Array) || value.length !== VALUE_BYTES) {
      throw new Error(`etcd has no value of ${VALUE_BYTES} bytes under key ${key}`);
    }
  }

  async putThroughFailures(key: number): Promise<void> {
    for (;;) {
      this.#turn += 1;
      const position = this.#turn % SERVERS;
      try {
        const connection = await this.#connectionTo(position);
        await connection.call('/etcdserverpb.KV/Put', this.#puts[key]!, TRY_MS);
        // Stays with whoever answers.
        this.#turn -= 1;
        return;
      } catch {
        // A refused connection comes back at once; do not spin on it.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }

  async leader(): Promise<number> {
    for (;;) {
      const all = await Promise.all(this.#members.map((_, position) => this.#status(position)));
      const leaders = new Set(all.map((status) => status?.leaderId));
      const found = all.findIndex((status) => status?.memberId === status?.leaderId);
      if (leaders.size === 1 && found >= 0 && all[found] !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Where each process serves clients. */
  get clientPorts(): readonly number[] {
    return this.#members.map(({ clientPort }) => clientPort);
  }

  async kill(position: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.#members[position]!.process?.kill(signal);
    this.#toEach[position]?.close();
    this.#toEach[position] = undefined;
  }

  async restart(position: number): Promise<void> {
    const member = this.#members[position]!;
    member.process = this.#spawn(member);
    const leader = await Promise.any(
      this.#members.flatMap((_, other) => (other === position ? [] : [this.#status(other)])),
    );
    await this.#untilServing(position, leader?.raftIndex ?? 0n);
  }

  cpuMicroseconds(): number {
    return this.#members.reduce((sum, { process }) => sum + (process?.cpuMicroseconds() ?? 0), 0);
  }

  async close(): Promise<void> {
    for (const connection of [...this.#toLeader, ...this.#toEach]) connection?.close();
    await Promise.all(this.#members.map(({ process }) => process?.kill()));
  }

  #spawn({ name, clientPort, peerPort }: Member): ServerProcess {
    const client = `http://127.0.0.1:${clientPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    const cluster = this.#members.map((each) => `${each.name}=http://127.0.0.1:${each.peerPort}`);
    const settings = {
      name,
      'data-dir': join(this.#directory, name),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': cluster.join(','),
    };
    const args = Object.entries(settings).flatMap(([setting, value]) => [`--${setting}`, value]);
    return new ServerProcess(this.#binary, args);
  }

  async #untilServing(position: number, raftIndex = 0n): Promise<void> {
    await this.#members[position]!.process?.until(async () => {
      const status = await this.#status(position);
      const serves = status !== undefined && status.leaderId !== 0n;
      return serves && status.raftIndex >= raftIndex ? true : undefined;
    });
  }

  #leaderConnection(client: number): GrpcConnection {
    return this.#toLeader[client % this.#toLeader.length]!;
  }

  async #connectionTo(position: number): Promise<GrpcConnection> {
    const open = this.#toEach[position];
    if (open?.isOpen === true) return open;
    const connection = await GrpcConnection.open(this.#members[position]!.clientPort);
    this.#toEach[position] = connection;
    return connection;
  }

  async #status(position: number): Promise<Status | undefined> {
    try {
      const connection = await this.#connectionTo(position);
      const path = '/etcdserverpb.Maintenance/Status';
      const fields = readFields(await connection.call(path, NOTHING, 1_000));
      // StatusResponse: header 1 (member_id 2), leader 4, raftIndex 5.
      const memberId = numberOf(messageField(fields, 1), 2);
      return { memberId, leaderId: numberOf(fields, 4), raftIndex: numberOf(fields, 5) };
    } catch {
      return undefined;
    }
  }
}

function numberOf(fields: Fields, field: number): bigint {
  const value = fields.get(field);
  return typeof value === 'bigint' ? value : 0n;
}
