import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SwarmClient } from '../../src/client/index.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import { KEYS, SERVERS, VALUE_BYTES, type Cluster } from './cluster.js';
import { freeUdpPort } from './ports.js';
import { ServerProcess } from './server-process.js';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** A client has at most 64 writes under way. */
const CLIENTS_PER_CONNECTION = 64;
const READ_ID = 'read';

interface Created {
  readonly address: string;
  readonly joinToken: string;
  readonly clientToken: string;
}

interface Member {
  readonly directory: string;
  readonly peerId: string;
  process: ServerProcess;
}

/**
 * Three processes of `agentic-flow node start`, spoken to by `SwarmClient`. A put is an edge whose
 * relation has 256 bytes: the write without an embedding, replicated, synced and applied to the store
 * like any other. A get is the linearizable read of a memory whose content has 256 bytes.
 */
export class OwnCluster implements Cluster {
  readonly #relations = Array.from({ length: KEYS }, (_, key) =>
    `key${String(key).padStart(5, '0')}`.padEnd(VALUE_BYTES, 'x'),
  );
  #members: Member[] = [];
  #clients: SwarmClient[] = [];

  async start(directory: string, clientsMax: number): Promise<void> {
    const paths = Array.from({ length: SERVERS }, (_, i) => join(directory, `node${i + 1}`));
    const listen = `127.0.0.1:${await freeUdpPort()}`;
    const init = [COMMAND, 'swarm', 'init', '--data', paths[0]!, '--listen', listen, '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, init);
    const created = JSON.parse(stdout) as Created;
    await this.#spawn(paths[0]!, []);
    for (const path of paths.slice(1)) {
      const address = `127.0.0.1:${await freeUdpPort()}`;
      const joining = ['--join', created.address, '--token', created.joinToken];
      await this.#spawn(path, ['--listen', address, ...joining]);
    }
    const seeds = [parsePeerAddress(created.address)];
    const token = created.clientToken;
    for (let i = 0; i < Math.ceil(clientsMax / CLIENTS_PER_CONNECTION); i++) {
      this.#clients.push(await SwarmClient.connect({ seeds, token }));
    }
    await this.#untilAllVote();
    const content = 'x'.repeat(VALUE_BYTES);
    await this.#clients[0]!.insert({ id: READ_ID, content });
    for (let key = 0; key < KEYS; key += 64) {
      await Promise.all(
        Array.from({ length: Math.min(64, KEYS - key) }, (_, i) => this.put(i, key + i)),
      );
    }
  }

  async put(client: number, key: number): Promise<void> {
    const relation = this.#relations[key]!;
    const edge = { from: READ_ID, to: READ_ID, relation, weight: 0.5 };
    await this.#client(client).addEdge(edge);
  }

  async get(client: number): Promise<void> {
    const { memory } = await this.#client(client).get(READ_ID);
    if (memory?.content.length !== VALUE_BYTES) {
      throw new Error(`the swarm has no memory of ${VALUE_BYTES} bytes`);
    }
  }

  /** The client does that by itself. */
  putThroughFailures(key: number): Promise<void> {
    return this.put(0, key);
  }

  async leader(): Promise<number> {
    for (;;) {
      const status = await this.#clients[0]!.status();
      const leader = status.members.find(({ nodeId }) => nodeId === status.leader);
      const position = this.#members.findIndex(({ peerId }) => peerId === leader?.peerId);
      if (position >= 0) return position;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async kill(position: number): Promise<void> {
    await this.#members[position]!.process.kill();
  }

  async restart(position: number): Promise<void> {
    const { directory } = this.#members[position]!;
    const { process } = await this.#launch(directory, []);
    this.#members[position]!.process = process;
    await this.#untilAllVote();
  }

  cpuMicroseconds(): number {
    return this.#members.reduce((sum, { process }) => sum + process.cpuMicroseconds(), 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.#members.map(({ process }) => process.kill()));
  }

  async #spawn(directory: string, args: readonly string[]): Promise<void> {
    this.#members.push({ directory, ...(await this.#launch(directory, args)) });
  }

  async #launch(
    directory: string,
    args: readonly string[],
  ): Promise<{ process: ServerProcess; peerId: string }> {
    const command = [COMMAND, 'node', 'start', '--data', directory, ...args, '--json'];
    const started = new ServerProcess(process.execPath, command);
    const peerId = await started.until(async (lines) => {
      const line = lines.find((each) => each.includes('"ready"'));
      return line === undefined ? undefined : (JSON.parse(line) as { peerId: string }).peerId;
    });
    return { process: started, peerId };
  }

  /** A new member is a learner until it has caught up; one that came back has to be heard of. */
  async #untilAllVote(): Promise<void> {
    for (;;) {
      const { members } = await this.#clients[0]!.status();
      const voting = members.filter(({ voter, reachable }) => voter && reachable);
      if (voting.length === SERVERS && members.every(({ status }) => status === 'up')) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #client(client: number): SwarmClient {
    return this.#clients[client % this.#clients.length]!;
  }
}
