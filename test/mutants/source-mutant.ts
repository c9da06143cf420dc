/** A test, by its file below `test/` (without `.test.ts`) and the beginning of its name. */
export interface CatchingTest {
  readonly file: string;
  readonly name: string;
}

/** One line of our code made wrong, and the test that must notice. */
export interface SourceMutant {
  /** Number of the named bug that it brings back. */
  readonly bug: number;
  /** What it does wrong. */
  readonly name: string;
  /** Path of the source file from the root of the project. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly source: string;
  readonly replacement: string;
  readonly caughtBy: CatchingTest;
}

/** How often `text` occurs in `source`. */
export function occurrences(source: string, text: string): number {
  return source.split(text).length - 1;
}

/** The source with the mistake. Throws unless the text to replace occurs exactly once. */
export function mutate(mutant: SourceMutant, source: string): string {
  const count = occurrences(source, mutant.source);
  if (count !== 1) {
    throw new Error(`${mutant.file} has the text of "${mutant.name}" ${count} times, not once`);
  }
  return source.replace(mutant.source, () => mutant.replacement);
}
