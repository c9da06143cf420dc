/** A test, by its file below `test/` (without `.test.ts`) and the beginning of its name, or all. */
export interface CatchingTest {
  readonly file: string;
  readonly name: string;
}

/** One line of our code made wrong. */
export interface SourceMistake {
  /** What it does wrong. */
  readonly name: string;
  /** Path of the source file from the root of the project. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly source: string;
  readonly replacement: string;
}

/** A mistake, and the test that must notice. */
export interface SourceMutant extends SourceMistake {
  /** Number of the named bug that it brings back, or of its row. */
  readonly bug: number;
  readonly caughtBy: CatchingTest;
}

/** How often `text` occurs in `source`. */
export function occurrences(source: string, text: string): number {
  return source.split(text).length - 1;
}

/** The source with the mistake. Throws unless the text to replace occurs exactly once. */
export function mutate(mutant: SourceMistake, source: string): string {
  const count = occurrences(source, mutant.source);
  if (count !== 1) {
    throw new Error(`${mutant.file} has the text of "${mutant.name}" ${count} times, not once`);
  }
  return source.replace(mutant.source, () => mutant.replacement);
}

/** A mutant that some test of a file has to notice. */
export interface FileMutant {
  /** What goes wrong. */
  readonly bug: string;
  readonly file: string;
  readonly source: string;
  readonly replacement: string;
  /** Path of the test file from the root of the project. */
  readonly test: string;
  /** Beginning of the name of the test; any of the file when left out. */
  readonly named?: string;
}

/** Numbers the rows of a table from 1. */
export function mutantsOfFiles(rows: readonly FileMutant[]): readonly SourceMutant[] {
  return rows.map(({ bug: name, file, source, replacement, test, named = '' }, at) => {
    const caughtBy = { file: test.replace(/^test\//, '').replace(/\.test\.ts$/, ''), name: named };
    return { bug: at + 1, name, file, source, replacement, caughtBy };
  });
}
