/** What the expressions of one run of a query read: the view, the parameters, the memories. */
import type { Memory } from '../../engine.js';
import { GraphError, type GraphErrorCode } from '../error.js';
import type { GraphView } from '../view.js';
import type { Work } from '../work.js';
import { positionOf } from './tokens.js';
import type { MapValue, Value } from './values.js';

/** Memories that a run keeps at hand; a pattern asks for the same one again and again. */
const MEMORIES_KEPT_MAX = 64;

export class Context {
  readonly view: GraphView;
  readonly work: Work;
  readonly parameters: MapValue;
  readonly #query: string;
  readonly #memories = new Map<number, Memory>();

  constructor(query: string, parameters: MapValue, view: GraphView, work: Work) {
    this.#query = query;
    this.parameters = parameters;
    this.view = view;
    this.work = work;
  }

  memoryOf(node: number): Memory {
    let memory = this.#memories.get(node);
    if (memory === undefined) {
      memory = this.view.memoryOf(node, this.work);
      if (this.#memories.size >= MEMORIES_KEPT_MAX) this.#memories.clear();
      this.#memories.set(node, memory);
    }
    return memory;
  }

  /** A property of a node: a column of the memory, else a field of its metadata. */
  propertyOf(node: number, key: string): Value {
    switch (key) {
      case 'id':
        return this.view.idOf(node);
      case 'content':
        return this.memoryOf(node).content;
      case 'createdAtMs':
        return this.memoryOf(node).createdAtMs;
      case 'metadata':
        return this.memoryOf(node).metadata;
      default:
        return ownOf(this.memoryOf(node).metadata, key);
    }
  }

  failure(code: GraphErrorCode, message: string, at: number): GraphError {
    return new GraphError(code, message, positionOf(this.#query, at));
  }
}

/** A field of a map; null where it has none. */
export function ownOf(map: MapValue, key: string): Value {
  return Object.hasOwn(map, key) ? (map[key] as Value) : null;
}
