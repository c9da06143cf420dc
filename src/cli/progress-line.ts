/** One line on standard error for what takes longer than a second, redrawn on a terminal. */

const FIRST_AFTER_MS = 1000;
const INTERVAL_MS = 250;

/** Tells how far something is, at most four times a second; `total` 0: nobody knows of how much. */
export function progressLine(
  label: string,
  out: { readonly isTTY?: boolean; write(text: string): unknown } = process.stderr,
): (done: number, total: number) => void {
  let nextMs = performance.now() + FIRST_AFTER_MS;
  let isShown = false;
  return (done, total) => {
    const nowMs = performance.now();
    const isLast = done === total && isShown;
    if (nowMs < nextMs && !isLast) return;
    nextMs = nowMs + INTERVAL_MS;
    isShown = true;
    const line = total === 0 ? `${label} ${done}` : `${label} ${done} of ${total}`;
    out.write(out.isTTY === true ? `${line.padEnd(60)}${isLast ? '\n' : '\r'}` : `${line}\n`);
  };
}
