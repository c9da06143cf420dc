/** Shared documents on real processes: killed ones, and parts of a swarm that do not see one another. */
import { describe, expect, it } from 'vitest';

import { createIdentity, parsePeerAddress } from '../../transport/identity/index.js';
import { SwarmClient } from '../../src/client/index.js';
import { run, runJson } from './support/processes.js';
import { until } from '../waiting.js';
import { Swarm } from './support/swarm.js';

/** A client that reaches one node alone. */
async function connectTo(swarm: Swarm, nodeId: number, identity = createIdentity()) {
  const seeds = [parsePeerAddress(swarm.member(nodeId).address)];
  return SwarmClient.connect({ seeds, token: swarm.created.clientToken, identity });
}

async function textAt(swarm: Swarm, nodeId: number, name: string): Promise<string> {
  const client = await connectTo(swarm, nodeId);
  try {
    const { peerId } = swarm.member(nodeId);
    const document = await client.documents.open(name, { only: peerId });
    return document.text().toString();
  } finally {
    await client.close();
  }
}

/** Adds at the end through one node, until that has it on its disk. */
async function writeAt(swarm: Swarm, nodeId: number, name: string, text: string): Promise<void> {
  const client = await connectTo(swarm, nodeId);
  try {
    const { peerId } = swarm.member(nodeId);
    const document = await client.documents.open(name, { only: peerId });
    document.text().insert(document.text().length, text);
    await document.saved();
  } finally {
    await client.close();
  }
}

describe('the documents of a swarm', () => {
  it('are the same at all members, survive kill -9, and are written in every partition', async () => {
    const swarm = await Swarm.start({ nodes: 3 });
    await writeAt(swarm, 1, 'plan', 'one ');
    for (const nodeId of [2, 3]) {
      await until(
        `node ${nodeId} has it`,
        async () => (await textAt(swarm, nodeId, 'plan')) === 'one ',
      );
    }
    // Alone, without a majority, and killed right after the acknowledgement.
    await swarm.member(1).process.kill();
    await swarm.member(2).process.kill();
    await writeAt(swarm, 3, 'plan', 'three ');
    await swarm.member(3).process.kill();
    // The others go on without it, in a document that it knows and in one that it does not.
    await Promise.all([swarm.restart(1), swarm.restart(2)]);
    await writeAt(swarm, 1, 'plan', 'two ');
    await writeAt(swarm, 2, 'other', 'new');
    await swarm.restart(3);
    const texts = async (): Promise<string[]> =>
      Promise.all([1, 2, 3].map((nodeId) => textAt(swarm, nodeId, 'plan')));
    await until(
      'all have what was written everywhere',
      async () => {
        const all = new Set(await texts());
        const [text = ''] = all;
        return all.size === 1 && ['one ', 'two ', 'three '].every((part) => text.includes(part));
      },
      60_000,
    );
    await until(
      'the new document is there',
      async () => (await textAt(swarm, 3, 'other')) === 'new',
    );
  }, 180_000);

  it('have rights, and commands', async () => {
    const swarm = await Swarm.start({ nodes: 1 });
    const data = ['--data', swarm.member(1).directory];
    const through = swarm.through(1, swarm.created.clientToken);
    const writer = createIdentity();
    expect((await run(['doc', 'list', ...data])).stdout).toBe('no documents\n');
    const written = await run(['doc', 'write', 'notes', 'first', ...through]);
    expect(written).toMatchObject({ code: 0, stdout: 'saved: notes has 5 characters\n' });
    const set = ['doc', 'rights', 'notes', '--writers', writer.peerId];
    const refused = await run([...set, ...through]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(/operator token/);
    await runJson([...set, ...data]);
    const denied = await run(['doc', 'write', 'notes', ' second', ...through]);
    expect(denied).toMatchObject({ code: 1, stdout: '' });
    expect(denied.stderr).toMatch(/may not write the document notes/);
    expect((await run(['doc', 'show', 'notes', ...through])).stdout).toBe('first\n');
    const client = await connectTo(swarm, 1, writer);
    const document = await client.documents.open('notes');
    document.text().insert(5, ' third');
    await document.saved();
    await client.close();
    expect((await run(['doc', 'show', 'notes', ...data])).stdout).toBe('first third\n');
    expect(await runJson(['doc', 'list', ...data])).toEqual({ names: ['notes'], isAll: true });
    const none = await run(['doc', 'rights', 'none', ...data]);
    expect(none).toMatchObject({ code: 1 });
    expect(none.stderr).toMatch(/there is no document none here/);
    const unknown = await run(['doc', 'show', 'none', ...data]);
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/there is no document none here/);
    const nobody = await run(['doc', 'rights', 'notes', '--writers', 'alice', ...data]);
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toMatch(/'alice' is no peer id/);
    expect(await runJson(['doc', 'list', ...data])).toEqual({ names: ['notes'], isAll: true });
    const bad = await run(['doc', 'show', 'x'.repeat(300), ...data]);
    expect(bad).toMatchObject({ code: 1 });
    expect(bad.stderr).toMatch(/name of a document is a text of 1 to 256 characters/);
  });
});
