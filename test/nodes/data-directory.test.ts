/** What is refused before it is in `node.json`, where every later command would call it damage. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { nodeFileOf, prepareNode } from '../../nodes/create.js';
import { createDataDirectory, readNodeFile, writeNodeFile } from '../../nodes/data-directory.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-directory-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const address = { host: '127.0.0.1', port: 7001 };
const log = (): void => undefined;

async function directoryOf(name: string) {
  return createDataDirectory(join(root, name), async (_paths, identity) =>
    nodeFileOf('swarm', 1, identity, { listen: address, advertise: address }, []),
  );
}

describe('node.json', () => {
  it('is not given a zone that it cannot be read with', async () => {
    const { paths } = await directoryOf('zone');
    const before = readFileSync(paths.nodeFile, 'utf8');
    const zoned = (zone: string) => prepareNode({ directory: paths.root, zone, log });
    await expect(zoned('z'.repeat(129))).rejects.toThrow(
      'the zone has 129 characters; give one of at most 128. Nothing was changed',
    );
    expect(readFileSync(paths.nodeFile, 'utf8')).toBe(before);
    await zoned('z'.repeat(128));
    expect((await readNodeFile(paths)).zone).toBe('z'.repeat(128));
  });

  it('is asked for no such zone when the node is new', async () => {
    const directory = join(root, 'new');
    const peer = { ...address, peerId: 'nobody' };
    const joining = { directory, listen: address, peer, token: 't', zone: 'z'.repeat(129), log };
    await expect(prepareNode(joining)).rejects.toThrow('the zone has 129 characters');
  });

  it('is never written as it could not be read', async () => {
    const { paths, file } = await directoryOf('written');
    const before = readFileSync(paths.nodeFile, 'utf8');
    const wrong = { ...file, listen: { host: '127.0.0.1', port: 0 } };
    await expect(writeNodeFile(paths, wrong)).rejects.toThrow(
      /node\.json stays as it is, since it would say: .*port/s,
    );
    expect(readFileSync(paths.nodeFile, 'utf8')).toBe(before);
  });
});
