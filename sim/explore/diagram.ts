/**
 * A run as a diagram of messages in time: one column a node, one line a message at the time of its
 * arrival, losses that end in `x`, notes of a node behind `*`, faults and the violation across.
 *
 *        ms  node-1          node-2          node-3
 *   1002.33  o---- vote ----->|               |  sent 1001.20
 *   1003.00  ==== partition node-1 | node-2 node-3
 *   1004.10  o---------- append --------------x
 */
import { limits } from './limits.js';
import type { Moment } from './scenario.js';
import type { Story } from './story.js';

export interface DiagramOptions {
  readonly fromMicroseconds?: number;
  readonly untilMicroseconds?: number;
  /** Messages from or to these, and their notes; all nodes unless named. */
  readonly nodes?: readonly string[];
  /** Characters of a line; wider when the nodes need it. */
  readonly width?: number;
  /** Moments that are shown, the last ones; all if 0. */
  readonly last?: number;
}

const TIME_WIDTH = 12;
const COLUMN_MIN = 10;
const WIDTH_USUAL = 120;
/** Moments shown unless the caller names another number. */
export const LAST_MOMENTS_USUAL = 80;

/** The moments that a diagram with these options shows, and how many before them it does not. */
export function selectMoments(
  story: Story,
  options: DiagramOptions,
): { readonly moments: readonly Moment[]; readonly hidden: number } {
  const { fromMicroseconds: from = 0, untilMicroseconds: until = Infinity, nodes } = options;
  const isAbout = (moment: Moment): boolean => {
    if (nodes === undefined) return true;
    if (moment.kind === 'note') return moment.node === undefined || nodes.includes(moment.node);
    return nodes.includes(moment.from) || nodes.includes(moment.to);
  };
  const chosen = story.moments.filter(
    (moment) => moment.atMicroseconds >= from && moment.atMicroseconds <= until && isAbout(moment),
  );
  const last = options.last ?? LAST_MOMENTS_USUAL;
  const moments = last === 0 ? chosen : chosen.slice(-last);
  return { moments, hidden: chosen.length - moments.length };
}

/** The diagram as text, lines joined by line ends. */
export function drawDiagram(story: Story, options: DiagramOptions = {}): string {
  const { moments, hidden } = selectMoments(story, options);
  const nodes = nodesOf(story, moments);
  const width = Math.max(1, nodes.length);
  const room = (options.width ?? WIDTH_USUAL) - TIME_WIDTH;
  const columns = new Columns(nodes, Math.max(COLUMN_MIN, Math.floor(room / width)));
  const lines = [`${'ms'.padStart(TIME_WIDTH - 2)}  ${columns.header()}`];
  const before = hidden + story.dropped;
  if (before > 0) lines.push(`${' '.repeat(TIME_WIDTH)}... ${before} moments before`);
  for (const moment of moments) {
    lines.push(
      `${milliseconds(moment.atMicroseconds).padStart(TIME_WIDTH - 2)}  ${columns.line(moment)}`.trimEnd(),
    );
  }
  return lines.join('\n');
}

/** The same as a sequence diagram of Mermaid. */
export function drawMermaid(story: Story, options: DiagramOptions = {}): string {
  const { moments } = selectMoments(story, options);
  const nodes = nodesOf(story, moments);
  const alias = new Map(nodes.map((name, at) => [name, `n${at}`]));
  const ends = [...new Set([alias.get(nodes[0] ?? ''), alias.get(nodes.at(-1) ?? '')])];
  const lines = [
    'sequenceDiagram',
    ...nodes.map((name) => `  participant ${alias.get(name)} as ${name}`),
  ];
  for (const moment of moments) {
    const text = `${milliseconds(moment.atMicroseconds)} ms ${escapeMermaid(textOf(moment))}`;
    if (moment.kind === 'message') {
      const arrow = moment.isLost ? '-x' : '->>';
      lines.push(`  ${alias.get(moment.from)}${arrow}${alias.get(moment.to)}: ${text}`);
    } else {
      const over = moment.node === undefined ? ends.join(',') : alias.get(moment.node);
      lines.push(`  Note over ${over}: ${text}`);
    }
  }
  return lines.join('\n');
}

/** Those of the schedule first, then others as they appear; none that no moment is about. */
function nodesOf({ plan }: Story, moments: readonly Moment[]): string[] {
  const seen = new Set<string>();
  for (const moment of moments) {
    if (moment.kind === 'message') seen.add(moment.from).add(moment.to);
    else if (moment.node !== undefined) seen.add(moment.node);
  }
  const scheduled = plan.schedule.nodes.filter((name) => seen.has(name));
  return [...scheduled, ...[...seen].filter((name) => !scheduled.includes(name))];
}

class Columns {
  readonly #nodes: readonly string[];
  readonly #width: number;

  constructor(nodes: readonly string[], width: number) {
    this.#nodes = nodes;
    this.#width = width;
  }

  header(): string {
    return this.#nodes
      .map((name) => name.slice(0, this.#width - 1).padEnd(this.#width))
      .join('')
      .trimEnd();
  }

  line(moment: Moment): string {
    if (moment.kind === 'message') return this.#message(moment);
    const text = textOf(moment);
    if (moment.node === undefined) return `==== ${text}`;
    const at = this.#position(moment.node);
    return `${this.#bars().slice(0, at)}* ${text}`;
  }

  #message(moment: Moment & { readonly kind: 'message' }): string {
    const [from, to] = [this.#position(moment.from), this.#position(moment.to)];
    const text = textOf(moment);
    const sent = moment.isLost
      ? ''
      : moment.atMicroseconds === moment.sentMicroseconds
        ? ''
        : `  sent ${milliseconds(moment.sentMicroseconds)}`;
    if (from === to) return `${this.#bars().slice(0, from)}o ${text} to itself`;
    const cells = [...this.#bars()];
    const [left, right] = [Math.min(from, to), Math.max(from, to)];
    for (let at = left + 1; at < right; at += 1) cells[at] = '-';
    cells[from] = 'o';
    if (moment.isLost) cells[to] = 'x';
    else cells[from < to ? right - 1 : left + 1] = from < to ? '>' : '<';
    const space = right - left - 3;
    const fits = text.length + 2 <= space;
    if (fits) {
      const start = left + 2 + Math.floor((space - text.length - 2) / 2);
      for (const [at, character] of [...` ${text} `].entries()) cells[start + at] = character;
    }
    return `${cells.join('').trimEnd()}${fits ? '' : `  ${text}`}${sent}`;
  }

  #bars(): string {
    return this.#nodes.map(() => '|'.padEnd(this.#width)).join('');
  }

  #position(node: string): number {
    return this.#nodes.indexOf(node) * this.#width;
  }
}

/** One line, without control characters, that does not fill the screen. */
function textOf({ kind, text }: Moment): string {
  // A violation may have several lines, as the counterexample of a history has.
  const most = limits.labelCharactersMax;
  const first = kind === 'note' ? text.replaceAll('\n', ' / ') : text;
  // oxlint-disable-next-line no-control-regex
  const plain = first.replaceAll(/[\u0000-\u001f\u007f-\u009f]/gu, '?');
  return kind === 'message' && plain.length > most ? `${plain.slice(0, most)}...` : plain;
}

function escapeMermaid(text: string): string {
  return text.replaceAll(/[#;<>{}]/g, (character) => `#${character.codePointAt(0)};`);
}

function milliseconds(microseconds: number): string {
  return (microseconds / 1_000).toFixed(3);
}
