import type { Command, StateMachine } from '../../../nodes/groups/index.js';

/** A list of texts: the result of a command is its place. Its snapshot is the list. */
export class TextList implements StateMachine<number> {
  texts: string[] = [];
  /** Indexes in the order in which they came. */
  readonly indexes: number[] = [];
  restored = 0;

  apply(commands: readonly Command[]): number[] {
    return commands.map(({ index, data }) => {
      this.indexes.push(index);
      return this.texts.push(Buffer.from(data).toString());
    });
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify(this.texts));
  }

  restore(snapshot: Uint8Array): void {
    this.texts = JSON.parse(Buffer.from(snapshot).toString()) as string[];
    this.restored += 1;
  }
}

/** The bytes of a command. */
export function text(value: string): Uint8Array {
  return Buffer.from(value);
}
