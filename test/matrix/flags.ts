/** Flags of the programs of the matrix: what makes no sense ends them with exit code 2. */

export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= min && number <= max) return number;
  return fail(`${name} takes a whole number from ${min} to ${max}, not '${text}'`);
}

export function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}
