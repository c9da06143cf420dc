/**
 * Asks two members the same, as clients do, and tells where they differ. Reads are linearizable, so that
 * both show every write that was acknowledged. A write in between makes answers differ that are both right:
 * a difference counts when the same member, asked before and after, said the same twice.
 */
import { isDeepStrictEqual } from 'node:util';

import { z } from 'zod';

import { COMPARED_TEXT_LENGTH_MAX, COMPARISONS_MAX, DIFFERENCE_LENGTH_MAX } from './limits.js';

/** Asks a member; rejects when it gives no answer. */
export type Ask = (nodeId: number, method: string, payload: object) => Promise<unknown>;

const memory = z
  .object({
    id: z.string(),
    content: z.string(),
    metadata: z.unknown(),
    expiresAtMs: z.unknown().optional(),
  })
  .loose();
const page = z.object({ memories: z.array(memory), next: z.string().nullable() });
const hits = z.object({ hits: z.array(memory.extend({ score: z.number() })) });

export type ComparedMemory = z.infer<typeof memory>;

/** Scores this close count as level; engines of both versions round in their own way. */
const LEVEL_SCORE = 0.01;
const HITS = 10;
const PAGE = 8;

/** A question about one memory. */
export interface Question {
  readonly method: string;
  readonly payload: object;
  /** What of an answer is the same whenever it is given, unless something is written. */
  readonly view: (answer: unknown) => unknown;
  /** Whether the view of the judged member is right, given the one of the other. */
  readonly agrees: (judged: unknown, reference: unknown) => boolean;
}

/** `isWhole`: both members hold the same rows, none of them set aside by a migration. */
export function questionsAbout(
  { id, content }: ComparedMemory,
  isWhole: boolean,
  turn: number,
): Question[] {
  const read = { id, consistency: 'linearizable' };
  const agrees = isDeepStrictEqual;
  const view = without('appliedIndex');
  const get = { method: 'memory.get', payload: read, view, agrees };
  const text = content.slice(0, COMPARED_TEXT_LENGTH_MAX);
  const search = {
    method: 'memory.search',
    payload: { text, limit: HITS, consistency: 'linearizable' },
    view: hitsOf,
    agrees: (judged: unknown, reference: unknown) => findsAlike(id, judged, reference),
  };
  // A text without a word cannot be told from any other by its vector.
  const searches = /[\p{L}\p{N}]/u.test(text) && turn % 3 === 0 ? [search] : [];
  if (!isWhole) return [get, ...searches];
  const edges = { method: 'memory.edges', payload: read, view: sorted('edges'), agrees };
  const more = [
    { method: 'memory.neighbours', payload: read, view: sorted('neighbours'), agrees },
    {
      method: 'memory.list',
      payload: { after: id, limit: PAGE, consistency: 'linearizable' },
      view: lasting,
      agrees,
    },
  ];
  return [get, edges, ...searches, more[turn % more.length]!];
}

/** A sentence about what differs between two members, or null. Rejects when one gives no answer. */
export async function difference(
  ask: Ask,
  { method, payload, view, agrees }: Question,
  judged: number,
  reference: number,
): Promise<string | null> {
  const viewOf = async (nodeId: number): Promise<unknown> => {
    return view(await ask(nodeId, method, payload));
  };
  let before = await viewOf(reference);
  for (let attempt = 1; attempt <= COMPARISONS_MAX; attempt += 1) {
    const answer = await viewOf(judged);
    if (agrees(answer, before)) return null;
    const after = await viewOf(reference);
    if (isDeepStrictEqual(before, after) && attempt > 1) {
      return sentence(method, payload, [judged, answer], [reference, before]);
    }
    before = after;
  }
  // It was written all the time: neither is known to be wrong.
  return null;
}

/** A page of what a member holds. */
export async function pageOf(
  ask: Ask,
  nodeId: number,
  after: string | null,
  limit: number,
): Promise<z.infer<typeof page>> {
  const payload = { limit, consistency: 'local', ...(after === null ? {} : { after }) };
  return page.parse(await ask(nodeId, 'memory.list', payload));
}

/** Whether a memory that expires is still shown depends on the clock of each node. */
export function isLasting({ expiresAtMs }: ComparedMemory): boolean {
  return expiresAtMs === undefined;
}

function lasting(answer: unknown): unknown {
  const parsed = page.safeParse(answer);
  if (!parsed.success) return answer;
  return { memories: parsed.data.memories.filter(isLasting), next: parsed.data.next };
}

function without(field: string): (answer: unknown) => unknown {
  return (answer) => {
    if (typeof answer !== 'object' || answer === null) return answer;
    return Object.fromEntries(Object.entries(answer).filter(([key]) => key !== field));
  };
}

/** Engines of both versions give lists of a graph in orders of their own. */
function sorted(field: string): (answer: unknown) => unknown {
  return (answer) => {
    const list = (answer as Record<string, unknown> | null)?.[field];
    return Array.isArray(list) ? list.map((each) => text(each)).toSorted() : answer;
  };
}

type Hit = z.infer<typeof hits>['hits'][number];

function hitsOf(answer: unknown): unknown {
  const parsed = hits.safeParse(answer);
  return parsed.success ? parsed.data.hits : answer;
}

/**
 * Searches of both versions rank in ways of their own. What both find must be the same memory, and one that
 * the other finds first by its own text must be found.
 */
function findsAlike(id: string, judged: unknown, reference: unknown): boolean {
  if (!Array.isArray(judged) || !Array.isArray(reference))
    return isDeepStrictEqual(judged, reference);
  const [found, expected] = [judged as Hit[], reference as Hit[]];
  for (const hit of found) {
    const other = expected.find((each) => each.id === hit.id);
    if (other !== undefined && text(contentOf(hit)) !== text(contentOf(other))) return false;
  }
  if (!levelWithFirst(expected).some((hit) => hit.id === id)) return true;
  // Of many memories with one text any may be found.
  return found.some((hit) => hit.id === id) || levelWithFirst(found).length === HITS;
}

function contentOf({ content, metadata }: Hit): object {
  return { content, metadata };
}

function levelWithFirst(found: readonly Hit[]): Hit[] {
  const best = found[0]?.score ?? 0;
  return found.filter(({ score }) => score >= best - LEVEL_SCORE);
}

function sentence(
  method: string,
  payload: object,
  [judged, answer]: readonly [number, unknown],
  [reference, expected]: readonly [number, unknown],
): string {
  const about = `${method} ${text(payload)}`;
  const said = `node ${judged} says ${text(answer).slice(0, 120)}`;
  const other = `node ${reference} says ${text(expected).slice(0, 120)}`;
  return `${about}: ${said}, ${other}`.slice(0, DIFFERENCE_LENGTH_MAX);
}

/** JSON with its keys in order. */
function text(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) => {
    if (typeof held === 'bigint') return Number(held);
    if (typeof held !== 'object' || held === null || Array.isArray(held)) return held;
    return Object.fromEntries(Object.entries(held).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
