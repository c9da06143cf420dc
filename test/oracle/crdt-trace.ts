/**
 * Editing traces of josephg/editing-traces, as JSON or compressed by gzip, in both formats:
 *
 *     sequential   {startContent, endContent, txns: [{patches: [[position, deleted, inserted]]}]}
 *     concurrent   {kind: 'concurrent', endContent, numAgents,
 *                   txns: [{parents: [index], agent, patches: [[position, deleted, inserted]]}]}
 *
 * Positions are in code points. A transaction of a concurrent trace was made on the document as it is
 * after its parents and all that came before them.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';

const count = z.number().int().min(0);
/** More than these three may follow, such as a time. */
const patch = z.tuple([count, count, z.string()]).rest(z.unknown());
const transaction = z.object({
  patches: z.array(patch),
  parents: z.array(count).optional(),
  agent: count.optional(),
});
const trace = z.object({
  kind: z.string().optional(),
  startContent: z.string().default(''),
  endContent: z.string(),
  numAgents: z.number().int().min(1).max(1_024).optional(),
  txns: z.array(transaction),
});

export type Patch = readonly [position: number, deleted: number, inserted: string];

export interface TraceTransaction {
  readonly agent: number;
  /** Transactions that its agent had seen, with all that those had seen. */
  readonly parents: readonly number[];
  readonly patches: readonly Patch[];
}

export interface Trace {
  readonly isConcurrent: boolean;
  readonly agents: number;
  readonly startContent: string;
  readonly endContent: string;
  readonly transactions: readonly TraceTransaction[];
  readonly edits: number;
}

/** Throws an error with a sentence for a file that is no trace. */
export function readTrace(path: string): Trace {
  const file = readFileSync(path);
  const isCompressed = file[0] === 0x1f && file[1] === 0x8b;
  let value: unknown;
  try {
    value = JSON.parse((isCompressed ? gunzipSync(file) : file).toString('utf8'));
  } catch (error) {
    throw new Error(`${path} is no JSON: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  const parsed = trace.safeParse(value);
  if (!parsed.success) {
    throw new Error(`${path} is no editing trace: ${z.prettifyError(parsed.error).slice(0, 500)}`);
  }
  const { kind, numAgents = 1, startContent, endContent, txns } = parsed.data;
  const isConcurrent = kind === 'concurrent';
  const transactions = txns.map(({ patches, parents, agent = 0 }, at): TraceTransaction => {
    const seen = isConcurrent ? (parents ?? []) : at === 0 ? [] : [at - 1];
    if (agent >= numAgents || seen.some((parent) => parent >= at)) {
      throw new Error(`${path}: transaction ${at} has an agent or a parent that is not there`);
    }
    return { agent, parents: seen, patches: patches as unknown as Patch[] };
  });
  const edits = transactions.reduce((sum, { patches }) => sum + patches.length, 0);
  return { isConcurrent, agents: numAgents, startContent, endContent, transactions, edits };
}
