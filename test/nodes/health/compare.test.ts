import { describe, expect, it } from 'vitest';

import { difference, questionsAbout } from '../../../nodes/health/compare.js';
import type { Ask, Question } from '../../../nodes/health/compare.js';

const [JUDGED, REFERENCE] = [1, 2];

/** Answers of each member in the order in which they are given; the last one again and again. */
function answering(answers: Readonly<Record<number, readonly unknown[]>>): Ask {
  const given = new Map<number, number>();
  return (nodeId) => {
    const turn = given.get(nodeId) ?? 0;
    given.set(nodeId, turn + 1);
    const own = answers[nodeId] ?? [];
    return Promise.resolve(own[Math.min(turn, own.length - 1)]);
  };
}

function ask(question: Question, answers: Readonly<Record<number, readonly unknown[]>>) {
  return difference(answering(answers), question, JUDGED, REFERENCE);
}

function question(method: string): Question {
  const turns = [0, 1, 2, 3, 4, 5].map((turn) => questionsAbout(memory, true, turn));
  const found = turns.flat().find((each) => each.method === method);
  if (found === undefined) throw new Error(`nobody asks ${method}`);
  return found;
}

const memory = { id: 'a', content: 'the cache is empty', metadata: {} };
const got = (content: string, appliedIndex = 5): object => ({
  memory: { ...memory, content },
  appliedIndex,
});
const hit = (id: string, score: number, content = memory.content): object => {
  return { id, content, metadata: {}, score };
};

describe('answers of two members', () => {
  it('are the same at different places of the log', async () => {
    const answers = { [JUDGED]: [got('x', 9)], [REFERENCE]: [got('x', 7)] };
    expect(await ask(question('memory.get'), answers)).toBeNull();
  });

  it('differ when one says another thing each time', async () => {
    const answers = { [JUDGED]: [got('y')], [REFERENCE]: [got('x')] };
    const found = await ask(question('memory.get'), answers);
    expect(found).toMatch(/^memory\.get .*"id":"a".*node 1 says .*"y".*node 2 says .*"x"/);
  });

  it('do not differ because of a write between the two', async () => {
    const answers = { [JUDGED]: [got('new')], [REFERENCE]: [got('old'), got('new')] };
    expect(await ask(question('memory.get'), answers)).toBeNull();
  });

  it('do not differ when they differed once', async () => {
    const answers = { [JUDGED]: [got('y'), got('x')], [REFERENCE]: [got('x')] };
    expect(await ask(question('memory.get'), answers)).toBeNull();
  });

  it('say nothing while the memory is written all the time', async () => {
    const written = [1, 2, 3, 4, 5, 6].map((n) => got(`version ${n}`));
    const answers = { [JUDGED]: [got('version 0')], [REFERENCE]: written };
    expect(await ask(question('memory.get'), answers)).toBeNull();
  });

  it('may list edges in another order, and not other edges', async () => {
    const edge = (to: string): object => ({ from: 'a', to, relation: 'causes', weight: 1 });
    const first = { edges: [edge('b'), edge('c')], appliedIndex: 1 };
    const turned = { edges: [edge('c'), edge('b')], appliedIndex: 2 };
    const fewer = { edges: [edge('b')], appliedIndex: 2 };
    const edges = question('memory.edges');
    expect(await ask(edges, { [JUDGED]: [turned], [REFERENCE]: [first] })).toBeNull();
    expect(await ask(edges, { [JUDGED]: [fewer], [REFERENCE]: [first] })).toMatch(/memory\.edges/);
  });

  it('of a search may rank in another way, and must find a memory by its own text', async () => {
    const search = question('memory.search');
    const good = { hits: [hit('a', 0.99), hit('b', 0.5)] };
    const other = { hits: [hit('a', 0.985), hit('c', 0.6)] };
    const lost = { hits: [hit('c', 0.6)] };
    const corrupt = { hits: [hit('a', 0.99, 'rubbish')] };
    expect(await ask(search, { [JUDGED]: [other], [REFERENCE]: [good] })).toBeNull();
    expect(await ask(search, { [JUDGED]: [lost], [REFERENCE]: [good] })).toMatch(/memory\.search/);
    // One that is not first by its own text may be missed.
    const unclear = { hits: [hit('b', 0.99), hit('a', 0.5)] };
    expect(await ask(search, { [JUDGED]: [lost], [REFERENCE]: [unclear] })).toBeNull();
    expect(await ask(search, { [JUDGED]: [corrupt], [REFERENCE]: [good] })).toMatch(/rubbish/);
  });

  it('are not asked for when only one of the two shows all rows', () => {
    const methods = [0, 1, 2, 3].flatMap((turn) => {
      return questionsAbout(memory, false, turn).map(({ method }) => method);
    });
    expect(new Set(methods)).toEqual(new Set(['memory.get', 'memory.search']));
  });

  it('cannot be compared when a member gives none', async () => {
    const gone: Ask = () => Promise.reject(new Error('gone'));
    await expect(difference(gone, question('memory.get'), JUDGED, REFERENCE)).rejects.toThrow();
  });
});
