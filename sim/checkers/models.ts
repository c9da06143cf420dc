import { limits } from './limits.js';
import type { ModelOperation, SequentialModel } from './model.js';

/** What a register holds; null before the first write. */
export type RegisterValue = string | number | null;

/** What a client may ask of a register. */
export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: RegisterValue }
  | { readonly kind: 'compare-and-set'; readonly from: RegisterValue; readonly to: RegisterValue };

/** The value for a read, null for a write, for a compare-and-set whether it was swapped. */
export type RegisterOutput = RegisterValue | boolean;

function printed(value: string | number | boolean | null): string {
  if (value === null) return 'nil';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const most = limits.printedValueCharactersMax;
  // The end of a long value tells more than its beginning: appends show there.
  return text.length <= most ? text : `...${text.slice(-most)}`;
}

// Strings and numbers must not collide: the register that holds 4 is not the one that holds "4".
function valueKey(value: RegisterValue): string | number {
  if (typeof value === 'number') return value;
  return value === null ? 'nil' : `"${value}`;
}

/** A single register with read, write and compare-and-set, the object of Jepsen's histories. */
export const register: SequentialModel<RegisterValue, RegisterInput, RegisterOutput> = {
  name: 'register',
  initial: () => null,
  step(state, input, output) {
    switch (input.kind) {
      case 'read':
        return output === state ? state : undefined;
      case 'write':
        return input.value;
      case 'compare-and-set':
        if (output === true) return state === input.from ? input.to : undefined;
        return state === input.from ? undefined : state;
    }
  },
  apply(state, input) {
    if (input.kind === 'write') return input.value;
    if (input.kind === 'compare-and-set' && state === input.from) return input.to;
    return state;
  },
  onlyReads: (input, output) =>
    input.kind === 'read' || (input.kind === 'compare-and-set' && output !== true),
  stateKey: valueKey,
  describeInput(input) {
    if (input.kind === 'read') return 'read';
    if (input.kind === 'write') return `write ${printed(input.value)}`;
    return `compare-and-set ${printed(input.from)} -> ${printed(input.to)}`;
  },
  describeOutput(input, output) {
    if (input.kind === 'compare-and-set') return output === true ? 'swapped' : 'not equal';
    return input.kind === 'read' ? printed(output) : 'ok';
  },
  canMatter(input, others) {
    if (input.kind === 'read') return false;
    const left = input.kind === 'write' ? input.value : input.to;
    return others.some((other) => registerNotices(other, left));
  },
};

function registerNotices(
  other: ModelOperation<RegisterInput, RegisterOutput>,
  value: RegisterValue,
): boolean {
  const answered = other.returnMicroseconds !== null;
  if (other.input.kind === 'read') return answered && other.output === value;
  if (other.input.kind === 'write') return false;
  // A failed compare-and-set is helped by any value but its own; one whose outcome is unknown or
  // good, by exactly its own.
  if (answered && other.output !== true) return other.input.from !== value;
  return other.input.from === value;
}

/** What a client may ask of one key of a key-value store. */
export type KeyValueInput =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'append'; readonly value: string };

/** The whole value for a get ('' when never written), null for the others. */
export type KeyValueOutput = string | null;

/** One key of a store with get, put and append. */
export const keyValue: SequentialModel<string, KeyValueInput, KeyValueOutput> = {
  name: 'key-value',
  initial: () => '',
  step(state, input, output) {
    if (input.kind === 'get') return output === state ? state : undefined;
    return input.kind === 'put' ? input.value : state + input.value;
  },
  apply(state, input) {
    if (input.kind === 'get') return state;
    return input.kind === 'put' ? input.value : state + input.value;
  },
  onlyReads: (input) => input.kind === 'get',
  stateKey: (state) => state,
  describeInput(input) {
    return input.kind === 'get' ? 'get' : `${input.kind} ${printed(input.value)}`;
  },
  describeOutput(input, output) {
    return input.kind === 'get' ? printed(output) : 'ok';
  },
  canMatter(input, others) {
    if (input.kind === 'get') return false;
    // Whoever sees the effect of a put or an append sees its text.
    return others.some(
      (other) =>
        other.returnMicroseconds !== null &&
        other.input.kind === 'get' &&
        other.output !== null &&
        other.output.includes(input.value),
    );
  },
};

/** What a client may ask of one memory, named by its id. */
export type MemoryInput =
  { readonly kind: 'get' } | { readonly kind: 'insert'; readonly content: string };

/** The content for a get, or null when there is no such memory; null for an insert. */
export type MemoryOutput = string | null;

/** One memory of the replicated memory: an insert overwrites, a get returns content or null. */
export const memoryRegister: SequentialModel<string | null, MemoryInput, MemoryOutput> = {
  name: 'memory-register',
  initial: () => null,
  step(state, input, output) {
    if (input.kind === 'get') return output === state ? state : undefined;
    return input.content;
  },
  apply: (state, input) => (input.kind === 'get' ? state : input.content),
  onlyReads: (input) => input.kind === 'get',
  stateKey: valueKey,
  describeInput(input) {
    return input.kind === 'get' ? 'get' : `insert ${printed(input.content)}`;
  },
  describeOutput(input, output) {
    return input.kind === 'get' ? printed(output) : 'ok';
  },
  canMatter(input, others) {
    if (input.kind === 'get') return false;
    return others.some(
      (other) =>
        other.returnMicroseconds !== null &&
        other.input.kind === 'get' &&
        other.output === input.content,
    );
  },
};
