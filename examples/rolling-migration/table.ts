/** The live view on standard error: redrawn in place on a terminal, a line a second elsewhere. */

import type { Operation } from './history.js';
import { percentileMs } from './history.js';

/** One line of the table. */
export interface NodeView {
  readonly nodeId: number;
  readonly peerId: string;
  readonly role: 'leader' | 'follower' | 'joining' | 'down';
  readonly engine: string;
  readonly step: string;
}

export interface View {
  readonly seconds: number;
  readonly phase: string;
  readonly nodes: readonly NodeView[];
  readonly requests: number;
  readonly failed: number;
  /** The requests of the last `windowSeconds`. */
  readonly recent: readonly Operation[];
  readonly windowSeconds: number;
}

const HEADER = ['node', 'role', 'engine', 'step', 'requests/s', 'p99 ms'];
const WIDTHS = [6, 10, 8, 10, 12, 8];

/** The lines of the table. */
export function tableLines(view: View): string[] {
  const rows = view.nodes.map((node) => {
    const own = view.recent.filter((each) => each.servedBy === node.peerId);
    return [String(node.nodeId), node.role, node.engine, node.step, ...speed(own, view)];
  });
  const all = ['all', '', '', '', ...speed(view.recent, view)];
  return [headline(view), line(HEADER), ...rows.map(line), line(all)];
}

/** The same in one line. */
export function plainLine(view: View): string {
  const nodes = view.nodes.map((node) => {
    const own = view.recent.filter((each) => each.servedBy === node.peerId);
    const [rate, p99] = speed(own, view);
    const step = node.step === '' ? '' : ` ${node.step}`;
    return `${node.nodeId} ${node.role} ${node.engine}${step} ${rate}/s ${p99} ms`;
  });
  return [headline(view), ...nodes].join(' | ');
}

function headline(view: View): string {
  const failed = view.failed === 0 ? '' : `, ${view.failed} failed`;
  return `${view.seconds.toFixed(1)} s  ${view.phase}  ${view.requests} requests${failed}`;
}

function speed(operations: readonly Operation[], view: View): [string, string] {
  const rate = Math.round(operations.length / view.windowSeconds);
  return [String(rate), percentileMs(operations, 99).toFixed(1)];
}

function line(cells: readonly string[]): string {
  return cells.map((cell, at) => cell.padEnd(WIDTHS[at] ?? 8)).join('');
}

/** What the table draws on. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Draws views, each over the one before it. */
export class LiveTable {
  readonly #screen: Screen;
  #drawn = 0;
  #lastPlainMs = Number.NEGATIVE_INFINITY;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(view: View, nowMs: number): void {
    if (this.#screen.isTTY !== true) {
      if (nowMs - this.#lastPlainMs < 1_000) return;
      this.#lastPlainMs = nowMs;
      this.#screen.write(`${plainLine(view)}\n`);
      return;
    }
    const lines = tableLines(view);
    // Cursor up over the last table, then each line cleared to its end as it is written.
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`;
    this.#screen.write(up + lines.map((each) => `${each}\u001b[K\n`).join(''));
    this.#drawn = lines.length;
  }

  /** A sentence that stays; the next table is drawn below it. */
  say(sentence: string): void {
    this.#screen.write(`${sentence}\n`);
    this.#drawn = 0;
  }
}
