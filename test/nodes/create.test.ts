/** What is written into `node.json`, and what is refused before. */
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { initSwarm, prepareNode } from '../../nodes/create.js';
import { dataPaths, readNodeFile, writeNodeFile } from '../../nodes/data-directory.js';
import type { DataPaths } from '../../nodes/data-directory.js';
import { freePort } from '../e2e/support/directories.js';
import { scratch } from './snapshots/support.js';

const LISTEN = { host: '127.0.0.1', port: await freePort() };
const TOO_LONG = 'z'.repeat(129);

async function founded(): Promise<DataPaths> {
  const directory = scratch('node');
  await initSwarm({ directory, listen: LISTEN, advertise: LISTEN });
  return dataPaths(directory);
}

describe('the zone of a node', () => {
  it('is kept when the next start can read it', async () => {
    const paths = await founded();
    const zone = 'z'.repeat(128);
    await prepareNode({ directory: paths.root, zone, log: () => {} });
    expect((await readNodeFile(paths)).zone).toBe(zone);
  });

  it('is refused when it is too long, of a node that is there', async () => {
    const paths = await founded();
    const before = readFileSync(paths.nodeFile, 'utf8');
    await expect(
      prepareNode({ directory: paths.root, zone: TOO_LONG, log: () => {} }),
    ).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('at most 128 characters, and the given one has 129'),
    });
    expect(readFileSync(paths.nodeFile, 'utf8')).toBe(before);
  });

  it('is refused when it is too long before anybody is asked to admit the node', async () => {
    const peer = { ...LISTEN, peerId: 'nobody' };
    const options = { directory: scratch('joining'), listen: LISTEN, peer, token: 'afj_token' };
    await expect(prepareNode({ ...options, zone: TOO_LONG, log: () => {} })).rejects.toThrow(
      /a zone has at most 128 characters/,
    );
  });
});

describe('a node file', () => {
  it('is not written when the next start would call it damaged', async () => {
    const paths = await founded();
    const file = await readNodeFile(paths);
    const advertise = { host: '', port: 1 };
    await expect(writeNodeFile(paths, { ...file, advertise })).rejects.toThrow(
      /node\.json cannot hold this: .*advertise\.host/s,
    );
    expect(await readNodeFile(paths)).toEqual(file);
  });
});
