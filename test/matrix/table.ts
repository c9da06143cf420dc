/** The matrix as text: a line for each moment, a column for each fault. */
import { HITS } from '../../sim/scenarios/upgrade-settings.js';
import type { Cell } from './cells.js';
import type { CellResult } from './run-cell.js';

/** Each cell says how many of the runs passed, and with `*` that some were not hit at their moment. */
export function tableOf(
  results: readonly CellResult[],
  cells: readonly Cell[],
  seeds: number,
): string {
  const heads = HITS.map((hit) => hit.replace('-partition', ''));
  const lines = [['', ...heads]];
  const rows = new Map<string, string[]>();
  for (const { cell, passed, hits } of results) {
    const found = cells[cell];
    if (found === undefined) continue;
    const name = `${found.kind} ${found.way} ${found.moment}`;
    const row = rows.get(name) ?? [name];
    rows.set(name, row);
    row.push(`${passed}/${seeds}${hits < seeds ? '*' : ''}`);
  }
  lines.push(...rows.values());
  return columnsOf(lines);
}

/** Lines of cells as text: the first column to the left, the others to the right. */
export function columnsOf(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((part, at) =>
        at === 0 ? part.padEnd(widths?.[at] ?? 0) : part.padStart(widths?.[at] ?? 0),
      )
      .join('  '),
  );
  return `${text.join('\n')}\n`;
}
