/** What the operations of a Raft plan ask for. */
import type { ChangeTransition, ChangeType, RaftInput } from '../../consensus/raft/index.js';
import type { Json, TimedOperation } from '../explore/plan.js';
import type { RandomStream } from '../world/index.js';
import type { AdminRequest, ClientAsk } from './messages.js';
import { invalid } from './settings.js';

const TRANSITIONS: readonly ChangeTransition[] = ['auto', 'jointImplicit', 'jointExplicit'];
const CHANGES: readonly ChangeType[] = ['addVoter', 'addLearner', 'remove'];

/** A membership change, a hand-over, a leader to forget, or the end of a joint configuration. */
export function drawAdminOperation(random: RandomStream, nodes: number): Json {
  const node = random.integer(1, nodes);
  const other = random.integer(1, nodes);
  const transition = random.pick(TRANSITIONS);
  const [type, otherType] = [random.pick(CHANGES), random.pick(CHANGES)];
  const isDouble = random.chance(0.4) && other !== node;
  const kind = random.fraction();
  if (kind < 0.25) return { do: 'transfer', to: node };
  if (kind < 0.35) return { do: 'forget', node };
  if (kind < 0.5) return { do: 'change', transition: 'auto', changes: [] };
  const first = { type: kind < 0.75 ? 'addVoter' : type, node };
  const changes = isDouble ? [first, { type: otherType, node: other }] : [first];
  return { do: 'change', transition, changes };
}

/** What an operation asks of a node. Throws a `SimulationError` if it makes no sense. */
export function askOf({ operation }: TimedOperation, nodes: number): ClientAsk {
  const fields = fieldsOf(operation);
  const id = (value: Json | undefined): number => nodeId(value, nodes);
  switch (fields['do']) {
    case 'write':
    case 'read':
      return { kind: fields['do'], operation: fields['operation'] ?? null };
    case 'transfer':
      return { kind: 'transfer', to: id(fields['to']) };
    case 'forget':
      return { kind: 'forget' };
    case 'change': {
      const { transition, changes } = fields;
      if (!Array.isArray(changes) || !TRANSITIONS.includes(transition as ChangeTransition)) break;
      const singles = (changes as readonly Json[]).map((change) => {
        const { type, node } = fieldsOf(change);
        if (!CHANGES.includes(type as ChangeType)) throw invalid(`no change ${String(type)}`);
        return { type: type as ChangeType, node: id(node) };
      });
      const change = { transition: transition as ChangeTransition, changes: singles };
      return { kind: 'change', change };
    }
    default:
  }
  throw invalid(`an operation is ${JSON.stringify(operation)}; see sim/raft/operations.ts`);
}

/** The node that an operation is to be asked of at first, 0 for any. */
export function nodeAsked({ operation }: TimedOperation, nodes: number): number {
  const { do: what, node } = fieldsOf(operation);
  if (node === undefined && what !== 'forget') return 0;
  return nodeId(node, nodes);
}

function nodeId(value: Json | undefined, nodes: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= nodes) {
    return value;
  }
  throw invalid(`an operation names node ${JSON.stringify(value)} of ${nodes}`);
}

function fieldsOf(value: Json): { readonly [name: string]: Json } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as { readonly [name: string]: Json };
  }
  throw invalid(`an operation is ${JSON.stringify(value)}, not an object`);
}

/** What an administrator's request is to the core. */
export function inputOf(ask: AdminRequest): RaftInput {
  switch (ask.kind) {
    case 'transfer':
      return { type: 'transferLeader', to: ask.to };
    case 'change':
      return { type: 'proposeConfChange', change: ask.change };
    case 'forget':
      return { type: 'forgetLeader' };
  }
}
