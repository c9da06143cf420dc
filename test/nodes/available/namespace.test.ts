import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { namespaceFrames } from '../../../nodes/available/namespace-file.js';
import { readRecords } from '../../../nodes/available/namespace-records.js';
import { Namespace } from '../../../nodes/available/namespace.js';
import { scratch } from './members.js';

const nothing = (): undefined => undefined;
const ports = { nodeId: 1, send: nothing, sendState: nothing, changed: nothing, log: nothing };
const value = { content: 'x', metadata: {}, by: 'p', atMs: 1, vector: null };

describe('a namespace at a node', () => {
  it('goes on under its name, or under the one that it took last', async () => {
    const folder = scratch();
    mkdirSync(folder);
    const path = join(folder, 'file');
    const nameIn = (): string | undefined =>
      readRecords(namespaceFrames.decode(readFileSync(path), path).records).replica;
    const names: (string | undefined)[] = [];
    for (const rename of [false, false, true, false]) {
      const before = rename ? { isUsable: false, mustRename: true } : undefined;
      const namespace = await Namespace.open(path, 'n', ports, before);
      // An update under a name that others know already would be taken for another one.
      names.push(rename ? nameIn() : undefined);
      await namespace.put('a', value);
      names.push(nameIn());
      await namespace.close();
    }
    const [, first, , second, written, third, , fourth] = names;
    expect(first).toMatch(/^1\.[0-9a-f]{16}$/);
    expect(second).toBe(first);
    expect(written).not.toBe(first);
    expect([third, fourth]).toEqual([written, written]);
  });
});
