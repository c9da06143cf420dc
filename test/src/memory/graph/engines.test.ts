/** Both engines give one graph, from their files and from the commands that they apply. */
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';

import type { MemoryEngine } from '../../../../src/memory/engine.js';
import { openV1Engine } from '../../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../../src/memory/v2-engine.js';
import { applyAll, edge, insert, recordsOf, scratch } from '../support.js';

const QUERY = 'MATCH (a)-[r]->(b) RETURN a.id, type(r), r.weight, b.id, b.content, b.kind, b';

async function pictureOf({ graph }: MemoryEngine): Promise<unknown> {
  const { nodes, edges } = await graph.size();
  return { nodes, edges, answer: await graph.query(QUERY) };
}

const COMMANDS = [
  insert('a', 'first', { metadata: { kind: 'x' } }),
  insert('b', 'second'),
  insert("it's", 'odd'),
  edge('a', 'b', { weight: 0.25 }),
  edge('a', 'nobody'),
  edge("it's", 'a', { relation: 'ünï' }),
  edge('a', 'b', { weight: 0.75 }),
  insert('b', 'changed', { metadata: { kind: 'y' } }),
];

describe('the graph of an engine', () => {
  it('is that of its file and that of its commands', async () => {
    const paths = { v1: scratch('v1.db'), v2: scratch('v2.db') };
    const engines = [
      openV1Engine(paths.v1, { create: true }),
      openV2Engine(paths.v2, { create: true }),
    ];
    const pictures: unknown[] = [];
    for (const engine of engines) {
      expect(await engine.graph.size()).toMatchObject({ nodes: 0, edges: 0 });
      applyAll(engine, ...COMMANDS);
      pictures.push(await pictureOf(engine));
      engine.close();
      await expect(engine.graph.size()).rejects.toMatchObject({ code: 'closed' });
    }
    const reopened = [openV1Engine(paths.v1), openV2Engine(paths.v2)];
    for (const engine of reopened) {
      pictures.push(await pictureOf(engine));
      // A replay changes nothing.
      engine.apply([{ index: 1, command: COMMANDS[0] as never }], engine.appliedIndex);
      pictures.push(await pictureOf(engine));
      engine.close();
    }
    for (const picture of pictures) expect(picture).toEqual(pictures[0]);
    expect(pictures[0]).toMatchObject({ nodes: 3, edges: 2 });
  });

  it('gets the links of v1 whose end is inserted later', async () => {
    const path = scratch('dangling.db');
    openV1Engine(path, { create: true }).close();
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA foreign_keys = OFF;
      INSERT INTO patterns (id, type, pattern_data) VALUES ('a', 'x', '{}');
      INSERT INTO pattern_links (src_id, dst_id, relation, weight) VALUES
        ('a', 'late', 'r', 0.5), ('late', 'a', 'r', 0.25), ('a', 'a', 'heavy', 7), ('a', 'a', 'light', 'no number')`);
    database.close();
    const v1 = openV1Engine(path);
    const v2 = openV2Engine(scratch('v2.db'), { create: true });
    v2.restore(recordsOf(v1), v1.appliedIndex);
    for (const engine of [v1, v2]) {
      expect(await engine.graph.size()).toMatchObject({ nodes: 1, edges: 0 });
      applyAll(engine, insert('late', 'here now'));
    }
    const picture = await pictureOf(v2);
    expect(await pictureOf(v1)).toEqual(picture);
    expect(picture).toMatchObject({ nodes: 2, edges: 2 });
    // A restore replaces the graph as well.
    const other = openV2Engine(scratch('other.db'), { create: true });
    applyAll(other, insert('only', 'one'));
    v2.restore(recordsOf(other), 5);
    expect(await v2.graph.size()).toMatchObject({ nodes: 1, edges: 0 });
    for (const engine of [v1, v2, other]) engine.close();
  });
});
