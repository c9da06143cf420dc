/** Members that hold available namespaces and call each other, through a network that may be divided. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

import { NodeAvailable } from '../../../nodes/available/node-available.js';
import type { SwarmNode } from '../../../nodes/node.js';
import { Access, hashToken } from '../../../nodes/service/access.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import type { CallContext, PeerConnection } from '../../../transport/rpc/rpc.js';
import { fakeEmbedder } from '../../src/memory/support.js';

const closing: (() => Promise<void>)[] = [];
const root = mkdtempSync(join(tmpdir(), 'agentic-flow-test-'));
let folders = 0;
afterAll(async () => {
  for (const close of closing.toReversed()) await close().catch(() => undefined);
  rmSync(root, { recursive: true, force: true });
});

/** The name of a folder that is gone after the tests. */
export function scratch(): string {
  folders += 1;
  return join(root, `${folders}`);
}

const TOKENS = {
  client: hashToken('client'),
  join: hashToken('join'),
  operator: hashToken('operator'),
};

export interface Value {
  readonly content: string;
  readonly by: string;
}

export class Member {
  readonly logged: string[] = [];
  readonly access = new Access(
    (peerId) => peerId.startsWith('member-'),
    () => TOKENS,
  );
  available!: NodeAvailable;
  readonly #connections = new Map<string, PeerConnection>();

  constructor(
    readonly nodeId: number,
    readonly folder: string,
  ) {}

  async ask(method: string, payload: unknown, peerId = 'client-1'): Promise<unknown> {
    const handler = this.available.handlers(this.access)[method];
    if (handler === undefined) throw new RpcError('unknown-method', `${method} is not known`);
    const connection = this.#connections.get(peerId) ?? ({ peerId } as PeerConnection);
    this.#connections.set(peerId, connection);
    if (peerId.startsWith('client-')) this.access.admit(connection, 'client');
    return handler(payload, { connection, timeoutMs: 10_000 } as CallContext);
  }

  async put(id: string, content: string, namespace = 'n'): Promise<void> {
    await this.ask('available.put', { namespace, id, content });
  }

  async contents(id: string, namespace = 'n'): Promise<string[]> {
    const answer = await this.ask('available.get', { namespace, id });
    return (answer as { values: Value[] }).values.map(({ content }) => content);
  }

  async ids(namespace = 'n'): Promise<string[]> {
    const ids: string[] = [];
    for (let after: string | null = ''; after !== null;) {
      const answer: unknown = await this.ask('available.list', { namespace, after, limit: 100 });
      const { memories, next } = answer as { memories: { id: string }[]; next: string | null };
      ids.push(...memories.map(({ id }) => id));
      after = next;
    }
    return ids;
  }

  /** The state of a namespace, as an operator reads it. */
  async exported(namespace = 'n', peerId = 'member-9'): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let at = 0, total = 1; at < total;) {
      const answer = await this.ask('available.export', { namespace, at }, peerId);
      const piece = answer as { total: number; bytes: Uint8Array };
      total = piece.total;
      pieces.push(piece.bytes);
      at += piece.bytes.length;
    }
    return Buffer.concat(pieces);
  }

  async found(
    text: string,
    namespace = 'n',
    limit = 10,
  ): Promise<{ id: string; conflicts: number }[]> {
    const answer = await this.ask('available.search', { namespace, text, limit });
    return (answer as { hits: { id: string; conflicts: number }[] }).hits;
  }
}

export class Members {
  readonly all: Member[] = [];
  /** Pairs that do not hear each other. */
  readonly cut = new Set<string>();
  /** Members of the release before. */
  readonly old = new Set<number>();
  /** Whether a call is lost on its way. */
  loses: () => boolean = () => false;
  /** Methods that were called, with the bytes of the largest piece. */
  readonly called = new Map<string, number>();

  static async start(count: number, folders: readonly string[] = []): Promise<Members> {
    const members = new Members();
    for (let nodeId = 1; nodeId <= count; nodeId += 1) {
      members.all.push(new Member(nodeId, folders[nodeId - 1] ?? scratch()));
    }
    for (const member of members.all) await members.open(member);
    return members;
  }

  /** One more, which the others know from now on. */
  async add(): Promise<Member> {
    const member = new Member(this.all.length + 1, scratch());
    this.all.push(member);
    await this.open(member);
    return member;
  }

  async open(member: Member): Promise<void> {
    const log = (line: string): void => void member.logged.push(line);
    member.available = await NodeAvailable.open(member.folder, member.nodeId, log);
    closing.push(() => member.available.close());
    const call = async (to: number, method: string, payload: unknown): Promise<unknown> => {
      const pair = [member.nodeId, to].sort().join('-');
      if (this.cut.has(pair) || this.loses()) throw new RpcError('unavailable', 'nobody answers');
      if (this.old.has(to)) throw new RpcError('unknown-method', `${method} is not known`);
      this.called.set(method, (this.called.get(method) ?? 0) + 1);
      return this.all[to - 1]!.ask(method, payload, `member-${member.nodeId}`);
    };
    const all = this.all;
    const node = {
      file: { nodeId: member.nodeId, members: [] },
      control: { members: { values: () => all } },
      peers: { call },
      embedder: fakeEmbedder(),
      memberIdOf: (peerId: string) => Number(peerId.replace('member-', '')),
    };
    member.available.begin(node as unknown as SwarmNode);
  }
}
