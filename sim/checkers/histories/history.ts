import { CheckerError } from '../errors.js';
import {
  checkLinearizability,
  type LinearizabilityOptions,
  type LinearizabilityResult,
  type Operation,
} from '../linearizability.js';
import {
  keyValue,
  register,
  type KeyValueInput,
  type KeyValueOutput,
  type RegisterInput,
  type RegisterOutput,
  type RegisterValue,
} from '../models.js';
import { EdnKeyword, EdnMap, readEdn, type EdnValue } from './edn.js';
import { pairEvents, type CallAndEnd, type HistoryEvent } from './events.js';

/** A history read from a file, with the model that its operations belong to. */
export type RecordedHistory =
  | {
      readonly model: 'register';
      readonly operations: readonly Operation<RegisterInput, RegisterOutput>[];
    }
  | {
      readonly model: 'key-value';
      readonly operations: readonly Operation<KeyValueInput, KeyValueOutput>[];
    };

/**
 * Reads a history in one of three forms, told apart by their content: the log of a Jepsen run
 * (`INFO  jepsen.util - 0  :invoke  :read  nil`), operations of a register in EDN as Knossos keeps
 * them, operations of a key-value store in EDN as Porcupine keeps them. The place in the file
 * stands for the time in microseconds.
 */
export function readHistory(text: string): RecordedHistory {
  const isLog = /^INFO\b.*\s:(?:invoke|ok|fail|info)\s/m.test(text);
  const events = isLog ? readLogEvents(text) : readEdnEvents(text);
  const pairs = pairEvents(events);
  if (pairs.length === 0) {
    throw new CheckerError('empty-history', 'the file holds no operation of a known form');
  }
  if (pairs.some(({ call }) => keyValueNames.has(call.operation))) {
    return { model: 'key-value', operations: pairs.flatMap(toKeyValueOperation) };
  }
  // In the log, a failed compare-and-set is an answer: the register held something else. In EDN
  // (Knossos), a failed operation did not happen, for whatever reason, and says nothing.
  return { model: 'register', operations: pairs.flatMap((pair) => toRegister(pair, isLog)) };
}

/** Judges a history that was read from a file. */
export function checkHistory(
  history: RecordedHistory,
  options: LinearizabilityOptions = {},
): LinearizabilityResult {
  return history.model === 'register'
    ? checkLinearizability(register, history.operations, options)
    : checkLinearizability(keyValue, history.operations, options);
}

const keyValueNames = new Set(['get', 'put', 'append']);
const eventTypes = new Set(['invoke', 'ok', 'fail', 'info']);

function readLogEvents(text: string): HistoryEvent[] {
  const pattern = /^INFO\b.*\s(\d+)\s+:(invoke|ok|fail|info)\s+:(\S+)\s+(\S.*?)\s*$/;
  const events: HistoryEvent[] = [];
  for (const line of text.split('\n')) {
    const match = pattern.exec(line);
    if (match === null) continue;
    const [value = null] = readEdn(match[4]!);
    events.push({
      process: match[1]!,
      type: match[2] as HistoryEvent['type'],
      operation: match[3]!,
      key: null,
      value,
    });
  }
  return events;
}

function readEdnEvents(text: string): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const form of readEdn(text)) {
    // A history is a row of maps, or one vector or list of them.
    for (const item of Array.isArray(form) ? (form as readonly EdnValue[]) : [form]) {
      const event = toEvent(item);
      if (event !== null) events.push(event);
    }
  }
  return events;
}

function toEvent(form: EdnValue): HistoryEvent | null {
  if (!(form instanceof EdnMap)) {
    throw new CheckerError('malformed-history', 'a history consists of maps such as {:type :ok}');
  }
  const process = form.get('process');
  const type = nameOf(form.get('type'));
  const operation = nameOf(form.get('f'));
  // The nemesis, which breaks things, is a process with a name instead of a number.
  if (typeof process !== 'number') return null;
  if (type === null || operation === null || !eventTypes.has(type)) {
    throw new CheckerError(
      'malformed-history',
      `an event of process ${process} has no :type (invoke, ok, fail, info) or no :f`,
    );
  }
  const key = form.get('key');
  return {
    process: String(process),
    type: type as HistoryEvent['type'],
    operation,
    key: key === undefined || key === null ? null : JSON.stringify(key),
    value: form.get('value') ?? null,
  };
}

function nameOf(value: EdnValue | undefined): string | null {
  if (value instanceof EdnKeyword) return value.name;
  return typeof value === 'string' ? value : null;
}

/** What every operation of a history has in common, or null when it says nothing. */
function timesOf(
  pair: CallAndEnd,
): Pick<Operation<never, never>, 'client' | 'key' | 'callMicroseconds' | 'returnMicroseconds'> {
  const known = pair.end !== null && pair.end.type !== 'info';
  return {
    client: pair.call.process,
    key: pair.call.key ?? '',
    callMicroseconds: pair.callPosition,
    returnMicroseconds: known ? pair.endPosition : null,
  };
}

function toRegister(
  pair: CallAndEnd,
  failedSwapIsAnswer: boolean,
): Operation<RegisterInput, RegisterOutput>[] {
  const { call, end } = pair;
  const times = timesOf(pair);
  const input = registerInput(call);
  if (end?.type === 'fail') {
    // `:fail :cas :timed-out` is no answer either: the value of an answer is the pair asked for.
    if (input.kind !== 'compare-and-set' || !failedSwapIsAnswer) return [];
    if (!Array.isArray(end.value)) return [{ ...times, input, output: null, ...neverReturned }];
    return [{ ...times, input, output: false }];
  }
  if (times.returnMicroseconds === null) return [{ ...times, input, output: null }];
  if (input.kind === 'write') return [{ ...times, input, output: null }];
  if (input.kind === 'compare-and-set') return [{ ...times, input, output: true }];
  return [{ ...times, input, output: registerValue(end!.value) }];
}

const neverReturned = { returnMicroseconds: null } as const;

function registerInput(call: HistoryEvent): RegisterInput {
  if (call.operation === 'read') return { kind: 'read' };
  if (call.operation === 'write') return { kind: 'write', value: registerValue(call.value) };
  if (call.operation === 'cas' && Array.isArray(call.value) && call.value.length === 2) {
    const [from, to] = call.value as [EdnValue, EdnValue];
    return { kind: 'compare-and-set', from: registerValue(from), to: registerValue(to) };
  }
  throw new CheckerError(
    'malformed-history',
    `process ${call.process} calls :${call.operation}, which is no operation of a register ` +
      `(:read, :write, :cas with [from to])`,
  );
}

function registerValue(value: EdnValue): RegisterValue {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  const text = nameOf(value) ?? JSON.stringify(value);
  return `edn ${text}`;
}

function toKeyValueOperation(pair: CallAndEnd): Operation<KeyValueInput, KeyValueOutput>[] {
  const { call, end } = pair;
  if (end?.type === 'fail') return [];
  const times = timesOf(pair);
  if (call.operation === 'get') {
    const read = times.returnMicroseconds === null ? null : textOf(end!.value);
    return [{ ...times, input: { kind: 'get' }, output: read }];
  }
  if (call.operation === 'put' || call.operation === 'append') {
    const input = { kind: call.operation, value: textOf(call.value) } as const;
    return [{ ...times, input, output: null }];
  }
  throw new CheckerError(
    'malformed-history',
    `process ${call.process} calls :${call.operation}, which is no operation of a key-value ` +
      `store (:get, :put, :append)`,
  );
}

function textOf(value: EdnValue): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
