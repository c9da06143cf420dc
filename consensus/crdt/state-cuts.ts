/** The cuts of a state that are being made, told of each change before it is made. */
import type { EncodedState } from './codec.js';
import { StateCut } from './state-cut.js';
import type { Update } from './update.js';
import { type MapValue, fieldName } from './value.js';

export class StateCuts {
  #cuts: readonly StateCut[] = [];

  /** How many are not done yet. */
  get unfinished(): number {
    return this.#open().length;
  }

  /** One of the state as it is now; see `StateCut`. */
  begin(state: EncodedState, head: Uint8Array, pieceBytes: number): StateCut {
    const cut = new StateCut(state, head, pieceBytes);
    this.#cuts = [...this.#open(), cut];
    return cut;
  }

  /** The update is applied to the root next. */
  beforeUpdate({ changes }: Update, root: MapValue): void {
    if (this.#cuts.length === 0) return;
    for (const { path } of changes) {
      const name = path[0] === undefined ? '' : fieldName(path[0]);
      for (const cut of this.#cuts) cut.keep(name, root.entries.get(name));
    }
  }

  /** Another root takes the place of the one that they are of. */
  beforeReplacement(): void {
    for (const cut of this.#cuts) cut.detach();
    this.#cuts = [];
  }

  #open(): StateCut[] {
    return this.#cuts.filter(({ isDone }) => !isDone);
  }
}
