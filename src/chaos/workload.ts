/** What the clients of an experiment ask for. The seed and the client decide it. */
import { RandomStream } from '../../sim/world/random.js';
import { limits } from './limits.js';

export type Request =
  | { readonly kind: 'get'; readonly id: string }
  | { readonly kind: 'insert'; readonly id: string; readonly content: string };

/** Ids that all clients write and read: where a stale read or a lost write shows. */
export const sharedIds: readonly string[] = Array.from(
  { length: limits.sharedIds },
  (_each, at) => {
    return `shared-${at}`;
  },
);

/** Whether an id is written once: whoever acknowledged it must have it for ever. */
export function isOwnId(id: string): boolean {
  return id.startsWith('own-');
}

/** One client, which asks for the next when it has the answer. */
export class ClientScript {
  readonly #client: number;
  readonly #random: RandomStream;
  #written = 0;

  constructor(seed: number, client: number) {
    this.#client = client;
    this.#random = new RandomStream(seed, `client ${client}`);
  }

  /** No two inserts have the same content, so that a get tells which one it saw. */
  next(): Request {
    const isGet = this.#random.chance(limits.getShare);
    const isOwn = this.#random.chance(limits.ownIdShare);
    const shared = this.#random.pick(sharedIds);
    if (isGet) return { kind: 'get', id: shared };
    this.#written += 1;
    const mark = `${this.#client}-${this.#written}`;
    return { kind: 'insert', id: isOwn ? `own-${mark}` : shared, content: `v${mark}` };
  }

  /** Milliseconds until the next request. */
  thinkMs(): number {
    return limits.thinkMs * (0.5 + this.#random.fraction());
  }

  /** Position of the member that is asked first, of so many. */
  member(count: number): number {
    return this.#random.integer(0, Math.max(0, count - 1));
  }
}
