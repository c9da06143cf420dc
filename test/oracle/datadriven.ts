/**
 * Reads the files of cockroachdb/datadriven, the format of etcd's data-driven tests:
 *
 *     # comment
 *     command argument key=value key=(value, value)
 *     input, any number of lines
 *     ----
 *     expected output up to the next empty line
 *
 * Output that holds empty lines stands between `----` `----` and another `----` `----`. A line that
 * ends in a backslash goes on in the next one.
 */

/** An argument of a command; one without `=` has no values. */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

/** One case of a file. */
export interface Case {
  readonly file: string;
  /** The line of the command, from 1. */
  readonly line: number;
  readonly command: string;
  readonly arguments: readonly Argument[];
  readonly input: string;
  /** Ends with a line break unless empty. */
  readonly expected: string;
}

/** Splits `a b=c d=(e, f)` at spaces outside of parentheses. */
function splitDirective(text: string, place: string): string[] {
  const words: string[] = [];
  let word = '';
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth < 0) throw new Error(`${place}: a parenthesis is closed that was not opened`);
    if (depth === 0 && /\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      word += char;
    }
  }
  if (depth !== 0) throw new Error(`${place}: a parenthesis is not closed`);
  if (word !== '') words.push(word);
  return words;
}

function parseArgument(word: string): Argument {
  const at = word.indexOf('=');
  if (at < 0) return { key: word, values: [] };
  const key = word.slice(0, at);
  const value = word.slice(at + 1);
  if (!value.startsWith('(') || !value.endsWith(')')) return { key, values: [value] };
  const inside = value.slice(1, -1).trim();
  return { key, values: inside === '' ? [] : inside.split(',').map((each) => each.trim()) };
}

class Lines {
  at = 0;
  private readonly lines: readonly string[];

  constructor(text: string) {
    this.lines = text.replaceAll('\r\n', '\n').split('\n');
  }

  get next(): string | undefined {
    return this.lines[this.at];
  }

  take(): string {
    const line = this.lines[this.at];
    if (line === undefined) throw new Error('a file ends inside of a case');
    this.at += 1;
    return line;
  }
}

function readInput(lines: Lines): string[] {
  const input: string[] = [];
  while (lines.next !== undefined && lines.next !== '----') input.push(lines.take());
  return input;
}

function readExpected(lines: Lines, place: string): string {
  if (lines.next === undefined) throw new Error(`${place}: the line ---- is missing`);
  lines.take();
  const output: string[] = [];
  if (lines.next === '----') {
    lines.take();
    for (;;) {
      const line = lines.take();
      if (line === '----' && lines.next === '----') break;
      output.push(line);
    }
    lines.take();
  } else {
    while (lines.next !== undefined && lines.next !== '') output.push(lines.take());
  }
  return output.map((line) => `${line}\n`).join('');
}

/** All cases of a file. Throws an `Error` that names file and line if it is not of the format. */
export function parseDataDriven(file: string, text: string): Case[] {
  const lines = new Lines(text);
  const cases: Case[] = [];
  while (lines.next !== undefined) {
    const line = lines.at + 1;
    let directive = lines.take();
    if (directive.trim() === '' || directive.startsWith('#')) continue;
    while (directive.endsWith('\\')) directive = directive.slice(0, -1) + lines.take();
    const place = `${file}:${line}`;
    const [command, ...words] = splitDirective(directive, place);
    const input = readInput(lines).join('\n');
    const expected = readExpected(lines, place);
    const parsed = words.map(parseArgument);
    cases.push({ file, line, command: command as string, arguments: parsed, input, expected });
  }
  return cases;
}
