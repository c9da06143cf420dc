/**
 * Where an edit belongs in a file. An edit is lines of code; between them a line such as
 * `// ... existing code ...` stands for what stays. A part between two such lines begins and ends with lines
 * that the file has: these say where it goes, and what is between them in the file gives way to it.
 */
import { ToolError } from '../errors.js';

/** A comment of any language that says that code stays. */
const MARKER =
  /^\s*(?:\/\/|#|--|;|\/\*|<!--|\{\/\*|%|"""|')\s*\.{3}.*(?:\.{3}|existing|unchanged|rest)/i;

export interface Edited {
  readonly text: string;
  /** How the place was found. */
  readonly strategy: 'new-file' | 'anchors' | 'exact' | 'unchanged';
}

/** Throws `ToolError` when there is no place for the edit, or more than one. */
export function applyEdit(original: string | undefined, edit: string): Edited {
  const newline = original?.includes('\r\n') === true ? '\r\n' : '\n';
  const wanted = edit.replaceAll('\r\n', '\n').replace(/\n$/, '').split('\n');
  const hasMarker = wanted.some((line) => MARKER.test(line));
  if (original === undefined || original === '') {
    if (hasMarker) {
      throw new ToolError('the edit refers to existing code, but the file is empty or not there');
    }
    return { text: `${wanted.join(newline)}${newline}`, strategy: 'new-file' };
  }
  const endsWithNewline = original.endsWith('\n');
  const lines = original.replaceAll('\r\n', '\n').replace(/\n$/, '').split('\n');
  const made = hasMarker ? withMarkers(lines, wanted) : withoutMarkers(lines, wanted);
  const text = `${made.join(newline)}${endsWithNewline ? newline : ''}`;
  if (text === original) return { text, strategy: 'unchanged' };
  return { text, strategy: hasMarker ? 'anchors' : 'exact' };
}

function withMarkers(lines: readonly string[], wanted: readonly string[]): string[] {
  const parts: string[][] = [[]];
  for (const line of wanted) {
    if (MARKER.test(line)) parts.push([]);
    else parts.at(-1)!.push(line);
  }
  const made: string[] = [];
  let done = 0;
  for (const [at, part] of parts.entries()) {
    const trimmed = trimBlank(part);
    if (trimmed.length === 0) continue;
    const isFirst = at === 0;
    const isLast = at === parts.length - 1;
    if ((isFirst || isLast) && isNew(lines, trimmed)) {
      // Nothing says more of its place than the marker: it goes before all that is there, or behind it.
      if (isLast) {
        made.push(...lines.slice(done));
        done = lines.length;
      }
      made.push(...trimmed);
      continue;
    }
    const place = placeOf(lines, trimmed, done);
    made.push(...lines.slice(done, place.start), ...trimmed);
    done = place.end;
  }
  made.push(...lines.slice(done));
  return made;
}

/** Without a marker the edit begins and ends with lines of the file, and replaces what is between. */
function withoutMarkers(lines: readonly string[], wanted: readonly string[]): string[] {
  const part = trimBlank(wanted);
  if (part.length < 2) {
    throw new ToolError(
      'an edit of one line has no place; write unchanged lines around it, or "// ... existing code ..."',
    );
  }
  const { start, end } = placeOf(lines, part, 0);
  return [...lines.slice(0, start), ...part, ...lines.slice(end)];
}

/** No line of the part that says anything is in the file. */
function isNew(lines: readonly string[], part: readonly string[]): boolean {
  const known = new Set(lines.map((line) => line.trim()));
  return part.every((line) => isClosing(line) || !known.has(line.trim()));
}

/** Lines from `start` on, up to `end` without it, give way to the part; none of them before `from`. */
function placeOf(
  lines: readonly string[],
  part: readonly string[],
  from: number,
): { start: number; end: number } {
  const start = startOf(lines, part, from);
  return { start, end: endOf(lines, part, start) };
}

/** Where most of the first lines stand one after the other. */
function startOf(lines: readonly string[], part: readonly string[], from: number): number {
  const found = longest(lines, from, (at) => sameLines(lines, part, at, 1));
  return single(found, part[0]!, 'begins');
}

/** Behind the line where most of the last lines stand, or behind the block that the part ends with. */
function endOf(lines: readonly string[], part: readonly string[], start: number): number {
  const last = part.at(-1)!;
  if (!isClosing(last)) {
    const found = longest(lines, start, (at) => sameLines(lines, part, at, -1));
    return single(found, last, 'ends') + 1;
  }
  const opening = openingOf(part);
  if (opening === 0) return closingOf(lines, part, start);
  const line = part[opening]!.trim();
  const places = [...lines.keys()].filter((at) => at >= start && lines[at]!.trim() === line);
  // A block that is new comes behind what the part has before it.
  if (places.length === 0) return endOf(lines, trimBlank(part.slice(0, opening)), start);
  return closingOf(lines, part.slice(opening), single(places, line, 'ends'));
}

/** The line of the part that opens what its last line closes; 0 if none does. */
function openingOf(part: readonly string[]): number {
  let balance = 0;
  for (let at = part.length - 1; at > 0; at -= 1) {
    balance += balanceOf(part[at]!);
    if (balance === 0 && at < part.length - 1) return at;
  }
  return 0;
}

/** Behind the block that begins at `start`: its last line is the block's, and closes as much as it does. */
function closingOf(lines: readonly string[], block: readonly string[], start: number): number {
  const last = block.at(-1)!;
  const wanted = block.reduce((sum, line) => sum + balanceOf(line), 0);
  let balance = 0;
  for (let at = start; at < lines.length; at += 1) {
    balance += balanceOf(lines[at]!);
    // Code is indented: the line that closes a block stands where it was opened.
    if (lines[at]!.trimEnd() === last.trimEnd() && balance === wanted) return at + 1;
  }
  throw noPlace(last, 'ends');
}

/** The places from `from` on with the highest measure, if that is above 0. */
function longest(
  lines: readonly string[],
  from: number,
  measure: (at: number) => number,
): number[] {
  let [most, found] = [1, [] as number[]];
  for (let at = from; at < lines.length; at += 1) {
    const size = measure(at);
    if (size > most) [most, found] = [size, [at]];
    else if (size === most) found.push(at);
  }
  return found;
}

/** How many lines of one end of the part are those of the file at `at`, whatever they are indented by. */
function sameLines(
  lines: readonly string[],
  part: readonly string[],
  at: number,
  direction: 1 | -1,
): number {
  const first = direction === 1 ? 0 : part.length - 1;
  let count = 0;
  while (count < part.length) {
    const line = lines[at + direction * count];
    if (line === undefined || line.trim() !== part[first + direction * count]!.trim()) break;
    count += 1;
  }
  return count;
}

/** Brackets that a line opens, less those that it closes. */
function balanceOf(line: string): number {
  let balance = 0;
  for (const sign of line) {
    if ('([{'.includes(sign)) balance += 1;
    else if (')]}'.includes(sign)) balance -= 1;
  }
  return balance;
}

function isClosing(line: string): boolean {
  return /^[\s)\]};,]*(?:end)?$/.test(line);
}

function single(found: readonly number[], line: string, verb: 'begins' | 'ends'): number {
  const [one, other] = found;
  if (one === undefined) throw noPlace(line, verb);
  if (other === undefined) return one;
  const places = found.slice(0, 5).map((at) => at + 1);
  throw new ToolError(
    `the edit ${verb} with the line ${shown(line)}, which the file has ${found.length} times (lines ` +
      `${places.join(', ')}); write more unchanged lines there`,
  );
}

function noPlace(line: string, verb: 'begins' | 'ends'): ToolError {
  return new ToolError(
    `the edit ${verb} with the line ${shown(line)}, which the file does not have there; begin and end each ` +
      'part with unchanged lines',
  );
}

function shown(line: string): string {
  return JSON.stringify(line.trim().slice(0, 80));
}

function trimBlank(part: readonly string[]): readonly string[] {
  let [start, end] = [0, part.length];
  while (start < end && part[start]!.trim() === '') start += 1;
  while (end > start && part[end - 1]!.trim() === '') end -= 1;
  return part.slice(start, end);
}
