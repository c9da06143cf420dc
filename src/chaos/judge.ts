/** Judges what clients saw and nodes hold. Pure: facts come in, a verdict goes out. */
import { checkLinearizability } from '../../sim/checkers/linearizability.js';
import { memoryRegister } from '../../sim/checkers/models.js';
import { limits } from './limits.js';
import { checkedOperations, type ClientOperation } from './operations.js';
import { isOwnId } from './workload.js';

/** What one node has in its own store when all is over. */
export interface NodeContents {
  readonly name: string;
  readonly memories: number;
  /** By id, of every id that an insert named; null where there is none. */
  readonly contents: ReadonlyMap<string, string | null>;
}

/** Everything that a verdict rests on. */
export interface Facts {
  readonly operations: readonly ClientOperation[];
  /** Of all nodes that could be read. */
  readonly nodes: readonly NodeContents[];
  readonly nodeCount: number;
  /** A sentence for each node that could not be read, or is behind the last acknowledged write. */
  readonly readProblems: readonly string[];
  /** From the heal until every node served; null when that did not happen in time. */
  readonly recoveryMs: number | null;
  /** Why it did not; empty when it did. */
  readonly recoveryFailure: string;
  /** A sentence for each process that ended by itself. */
  readonly deaths: readonly string[];
  /** Faults that began and had an effect. */
  readonly faults: number;
  /** How long the clients ran. */
  readonly loadSeconds: number;
}

/** One property, and whether it held. */
export interface Check {
  readonly name:
    'linearizability' | 'durability' | 'agreement' | 'liveness' | 'processes' | 'activity';
  readonly passed: boolean;
  /** What was looked at, or what is wrong. */
  readonly detail: string;
}

/** All checks, in the order in which they are printed. */
export function judge(facts: Facts): Check[] {
  return [
    linearizability(facts),
    durability(facts),
    agreement(facts),
    liveness(facts),
    processes(facts),
    activity(facts),
  ];
}

function check(name: Check['name'], problems: readonly string[], good: string): Check {
  if (problems.length === 0) return { name, passed: true, detail: good };
  const shown = problems.slice(0, limits.examplesMax);
  const more = problems.length - shown.length;
  const detail = [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
  return { name, passed: false, detail };
}

function linearizability({ operations }: Facts): Check {
  const checked = checkedOperations(operations);
  const keys = new Set(checked.map(({ key }) => key)).size;
  const result = checkLinearizability(memoryRegister, checked, {
    maxSteps: limits.checkerStepsMax,
  });
  const problems: string[] = [];
  if (result.verdict === 'not-linearizable') problems.push(result.counterexample ?? '');
  if (result.verdict === 'unknown') {
    problems.push(`${result.key ?? ''} could not be decided in ${limits.checkerStepsMax} steps`);
  }
  const good = `${checked.length} operations on ${keys} ids, ${result.steps} steps`;
  return check('linearizability', problems, good);
}

/** Ids that are written once show a lost write whatever else was written. */
function durability({ operations, nodes }: Facts): Check {
  const acknowledged = operations.filter(({ kind, id, outcome }) => {
    return kind === 'insert' && outcome === 'ok' && isOwnId(id);
  });
  const problems = nodes.flatMap(({ name, contents }) =>
    acknowledged
      .filter(({ id, content }) => contents.get(id) !== content)
      .map(({ id, content, index }) => {
        const found = contents.get(id) ?? 'nothing';
        return `${name} has ${found} as ${id}; ${content} was acknowledged, entry ${index}`;
      }),
  );
  const good = `${acknowledged.length} acknowledged writes of single ids are on ${nodes.length} nodes`;
  return check('durability', problems, good);
}

/** All nodes hold the same, and nothing that nobody wrote. */
function agreement({ operations, nodes, readProblems }: Facts): Check {
  const written = new Map<string, Set<string>>();
  for (const { kind, id, content } of operations) {
    if (kind !== 'insert' || content === null) continue;
    written.set(id, (written.get(id) ?? new Set()).add(content));
  }
  const problems = [...readProblems];
  const [first, ...others] = nodes;
  for (const { name, memories, contents } of nodes) {
    const held = [...contents.values()].filter((content) => content !== null).length;
    if (held !== memories) {
      problems.push(`${name} counts ${memories} memories, and ${held} ids were written`);
    }
    for (const [id, content] of contents) {
      if (content === null || written.get(id)?.has(content) === true) continue;
      problems.push(`${name} has ${content} as ${id}, which nobody wrote`);
    }
  }
  for (const other of others) {
    for (const [id, content] of first?.contents ?? []) {
      const otherContent = other.contents.get(id) ?? null;
      if (content === otherContent) continue;
      problems.push(
        `${id} is ${content ?? 'nothing'} on ${first!.name} and ` +
          `${otherContent ?? 'nothing'} on ${other.name}`,
      );
    }
  }
  return check('agreement', problems, `${nodes.length} nodes hold the same ${written.size} ids`);
}

function liveness({ recoveryMs, recoveryFailure }: Facts): Check {
  const good = `every node served ${((recoveryMs ?? 0) / 1_000).toFixed(1)} s after the heal`;
  return check('liveness', recoveryMs === null ? [recoveryFailure] : [], good);
}

function processes({ deaths, nodeCount }: Facts): Check {
  return check('processes', deaths, `none of ${nodeCount} nodes ended by itself`);
}

/** A run in which nothing happened has shown nothing. */
function activity({ operations, faults, loadSeconds }: Facts): Check {
  const acknowledged = operations.filter(({ outcome }) => outcome === 'ok').length;
  const least = Math.ceil(limits.acknowledgedPerSecondMin * loadSeconds);
  const problems: string[] = [];
  if (acknowledged < least) {
    problems.push(`${acknowledged} operations were answered; a verdict wants ${least}`);
  }
  if (faults < limits.faultsMin) problems.push('no fault had an effect');
  return check('activity', problems, `${faults} faults, ${acknowledged} operations answered`);
}
