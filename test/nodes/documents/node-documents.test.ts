/** Documents of several members that call each other, through a network that may be divided. */
import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { NodeDocuments } from '../../../nodes/documents/node-documents.js';
import type { SwarmNode } from '../../../nodes/node.js';
import { Access, hashToken } from '../../../nodes/service/access.js';
import { RemoteDocument } from '../../../src/documents/index.js';
import { DOCUMENTS_OPEN_MAX } from '../../../src/documents/limits.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import type { CallContext, PeerConnection } from '../../../transport/rpc/rpc.js';
import { eventually, scratch, typed } from '../../src/documents/support.js';

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

/** Only what a handler looks at. */
const contextOf = (peerId: string): CallContext =>
  ({ connection: { peerId } as PeerConnection, timeoutMs: 10_000 }) as CallContext;

class Member {
  readonly logged: string[] = [];
  readonly access = new Access(
    (peerId) => peerId.startsWith('member-'),
    () => ({
      client: hashToken('client'),
      join: hashToken('join'),
      operator: hashToken('operator'),
    }),
  );

  constructor(
    readonly nodeId: number,
    readonly documents: NodeDocuments,
  ) {
    closing.push(() => documents.close());
  }

  /** A peer that has a document open at this member. */
  async peer(peerId: string, name: string, token = 'client'): Promise<RemoteDocument> {
    const { connection } = contextOf(peerId);
    this.access.admit(connection, token);
    const method = this.documents.methods(this.access)['documents.open'];
    if (method?.kind !== 'duplex') throw new Error('documents are opened by a duplex call');
    const remote = new RemoteDocument({
      name,
      isFinal: () => true,
      open: (messages) => {
        const source = messages as AsyncIterableIterator<unknown>;
        const answers = method.handler(source, { ...contextOf(peerId), connection });
        return answers as AsyncIterable<unknown>;
      },
    });
    closing.push(() => remote.close());
    await remote.ready;
    return remote;
  }

  async ask(method: string, payload: unknown, peerId: string, token?: string): Promise<unknown> {
    const handler = this.documents.handlers(this.access)[method];
    if (handler === undefined) throw new RpcError('unknown-method', `${method} is not known`);
    const context = contextOf(peerId);
    if (token !== undefined) this.access.admit(context.connection, token);
    return handler(payload, context);
  }
}

class Members {
  readonly all: Member[] = [];
  /** Pairs that do not hear each other. */
  readonly cut = new Set<string>();
  /** Members of the release before. */
  readonly old = new Set<number>();

  static async start(count: number, folders: readonly string[] = []): Promise<Members> {
    const members = new Members();
    for (let nodeId = 1; nodeId <= count; nodeId += 1) {
      const logged: string[] = [];
      const folder = folders[nodeId - 1] ?? scratch();
      const documents = await NodeDocuments.open(folder, (line) => logged.push(line));
      members.all.push(new Member(nodeId, documents));
    }
    for (const { nodeId, documents } of members.all) members.#begin(nodeId, documents);
    return members;
  }

  async text(at: number, name: string): Promise<string> {
    const member = this.all[at]!;
    const reader = await member.peer(`reader-${at}`, name);
    const text = reader.text().toString();
    await reader.close();
    return text;
  }

  #begin(nodeId: number, documents: NodeDocuments): void {
    const call = async (to: number, method: string, payload: unknown): Promise<unknown> => {
      const pair = [nodeId, to].sort().join('-');
      if (this.cut.has(pair)) throw new RpcError('unavailable', 'nobody answers');
      if (this.old.has(to)) throw new RpcError('unknown-method', `${method} is not known`);
      return this.all[to - 1]!.ask(method, payload, `member-${nodeId}`);
    };
    const members = new Map(this.all.map((member) => [member.nodeId, member]));
    const node = {
      file: { nodeId, members: [] },
      control: { members },
      peers: { call },
      memberIdOf: (peerId: string) => Number(peerId.replace('member-', '')),
    };
    documents.begin(node as unknown as SwarmNode, () => undefined);
  }
}

describe('the members of a swarm', () => {
  it('have the same documents: pushed, or found by comparing', async () => {
    const members = await Members.start(3);
    const writer = await members.all[0]!.peer('writer', 'plan');
    writer.text().insert(0, 'hello');
    await writer.saved();
    for (const at of [1, 2]) {
      await eventually(async () => expect(await members.text(at, 'plan')).toBe('hello'));
    }
    const reader = await members.all[2]!.peer('reader', 'plan');
    writer.text().insert(5, ' world');
    await eventually(() => expect(reader.text().toString()).toBe('hello world'));
  });

  it('take writes on both sides of a partition, which meet when it heals', async () => {
    const members = await Members.start(3);
    members.cut.add('1-3').add('2-3');
    const [a, c] = [await members.all[0]!.peer('a', 'doc'), await members.all[2]!.peer('c', 'doc')];
    a.text().insert(0, 'majority ');
    c.text().insert(0, 'alone ');
    const only = await members.all[2]!.peer('c', 'known to one');
    only.text().insert(0, 'x');
    await Promise.all([a.saved(), c.saved(), only.saved()]);
    expect(c.text().toString()).toBe('alone ');
    members.cut.clear();
    await eventually(() => {
      expect(a.text().toString()).toContain('alone ');
      expect(c.text().toString()).toBe(a.text().toString());
    });
    await eventually(async () => expect(await members.text(1, 'known to one')).toBe('x'));
  });

  it('are compared when they start with more documents than they keep open', async () => {
    const count = DOCUMENTS_OPEN_MAX + 20;
    const folder = scratch();
    const before = await Members.start(1, [folder]);
    for (let index = 0; index < count; index += 1) {
      const writer = await before.all[0]!.peer('writer', `doc ${index}`);
      writer.text().insert(0, `${index}`);
      await writer.saved();
      await writer.close();
    }
    await before.all[0]!.documents.close();
    const members = await Members.start(2, [folder]);
    await eventually(async () => {
      const listed = await members.all[1]!.ask('documents.list', {}, 'member-1');
      expect((listed as { names: string[] }).names).toHaveLength(count);
    });
    expect(await members.text(1, 'doc 0')).toBe('0');
    expect(await members.text(1, `doc ${count - 1}`)).toBe(`${count - 1}`);
  });

  it('see who has a document open at the others, and what members say is checked', async () => {
    const members = await Members.start(2);
    const [ada, bob] = [
      await members.all[0]!.peer('ada', 'plan'),
      await members.all[1]!.peer('bob', 'plan'),
    ];
    ada.awareness.setLocalStateField('name', 'Ada');
    await eventually(() => {
      const states = bob.awareness.getStates();
      expect(states.get(ada.document.clientID)).toEqual({ name: 'Ada' });
    });
    await ada.close();
    await eventually(() => expect(bob.awareness.getStates().size).toBe(1));
    const states = [{ name: 'plan', bytes: Uint8Array.of(5) }];
    const said = members.all[1]!.ask('documents.aware', { states }, 'member-1');
    await expect(said).rejects.toMatchObject({ code: 'refused', reason: 'malformed-update' });
  });

  it('hear of each other through a third', async () => {
    const members = await Members.start(3);
    members.cut.add('1-3');
    const writer = await members.all[0]!.peer('a', 'doc');
    writer.text().insert(0, 'by way of two');
    await writer.saved();
    await eventually(async () => expect(await members.text(2, 'doc')).toBe('by way of two'));
  });

  it('leave a member of the release before alone, and have it when it is upgraded', async () => {
    const members = await Members.start(2);
    members.old.add(2);
    const writer = await members.all[0]!.peer('a', 'doc');
    writer.text().insert(0, 'new');
    await writer.saved();
    members.old.clear();
    await eventually(async () => expect(await members.text(1, 'doc')).toBe('new'));
  });
});

describe('the rights of a document', () => {
  it('are set by operators, hold at all members, and end what they forbid', async () => {
    const members = await Members.start(2);
    const [first, second] = members.all as [Member, Member];
    const reader = await second.peer('reader', 'doc');
    const rights = { name: 'doc', readers: ['writer'], writers: ['writer'] };
    await expect(first.ask('documents.setRights', rights, 'writer')).rejects.toMatchObject({
      code: 'permission-denied',
    });
    await first.ask('documents.setRights', rights, 'member-1');
    await eventually(async () => {
      expect(await second.ask('documents.rights', { name: 'doc' }, 'member-2')).toMatchObject({
        rights: { readers: ['writer'], writers: ['writer'], by: 'member-1' },
      });
    });
    await eventually(() => expect(reader.failure).toMatchObject({ reason: 'not-allowed' }));
    await expect(second.peer('reader', 'doc')).rejects.toMatchObject({ code: 'permission-denied' });
    const writer = await second.peer('writer', 'doc');
    writer.text().insert(0, 'mine');
    await writer.saved();
    const operator = await first.peer('operator', 'doc', 'operator');
    await eventually(() => expect(operator.text().toString()).toBe('mine'));
  });

  it('of a document that is not there make none', async () => {
    const [member] = (await Members.start(1)).all as [Member];
    await expect(member.ask('documents.rights', { name: 'x' }, 'member-1')).rejects.toMatchObject({
      reason: 'not-found',
    });
    const listed = await member.ask('documents.list', {}, 'member-1');
    expect(listed).toEqual({ names: [], isAll: true });
  });
});

describe('what members are asked', () => {
  it('is refused to strangers, and to those who ask for what there is not', async () => {
    const [member] = (await Members.start(1)).all as [Member];
    const asked = [
      ['documents.compare', { message: Uint8Array.of(1) }],
      ['documents.names', { digests: [] }],
      ['documents.push', { name: 'doc', update: typed('x', 'x') }],
      ['documents.aware', { states: [] }],
    ] as const;
    for (const [method, payload] of asked) {
      for (const token of [undefined, 'client', 'operator']) {
        await expect(member.ask(method, payload, 'stranger', token)).rejects.toMatchObject({
          code: 'permission-denied',
        });
      }
      await expect(member.ask(method, { x: 1 }, 'member-2')).rejects.toMatchObject({
        code: 'malformed',
      });
    }
    const digest = createHash('sha256').update('x').digest();
    const digests = [new Uint8Array(digest)];
    expect(await member.ask('documents.names', { digests }, 'member-2')).toEqual({ names: [] });
    const push = { name: 'doc', update: new TextEncoder().encode('no update') };
    await expect(member.ask('documents.push', push, 'member-2')).rejects.toMatchObject({
      code: 'refused',
      reason: 'malformed-update',
    });
  });
});
