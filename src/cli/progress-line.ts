/** One line on standard error for what takes longer than a second, redrawn on a terminal. */

const FIRST_AFTER_MS = 1000;
const INTERVAL_MS = 250;
const BAR_CHARACTERS = 24;

interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Tells how far something is, at most four times a second; `total` 0: nobody knows of how much. */
export function progressLine(
  label: string,
  out: Output = process.stderr,
): (done: number, total: number) => void {
  return pacedLine(out, (done, total) =>
    total === 0 ? `${label} ${done}` : `${label} ${done} of ${total}`,
  );
}

/** `progressLine` with a bar, the rate and the time that is left. */
export function progressBar(
  label: string,
  out: Output = process.stderr,
): (done: number, total: number) => void {
  const startedMs = performance.now();
  return pacedLine(out, (done, total) => {
    const rate = done / Math.max(0.001, (performance.now() - startedMs) / 1000);
    if (total === 0) return done === 0 ? label : `${label} ${done}, ${rate.toFixed(0)}/s`;
    const filled = Math.round((BAR_CHARACTERS * Math.min(done, total)) / total);
    const bar = `${'#'.repeat(filled)}${'-'.repeat(BAR_CHARACTERS - filled)}`;
    const left = rate > 0 && done < total ? `, ${duration((total - done) / rate)} left` : '';
    return `${label} [${bar}] ${done} of ${total}, ${rate.toFixed(0)}/s${left}`;
  });
}

function pacedLine(
  out: Output,
  lineOf: (done: number, total: number) => string,
): (done: number, total: number) => void {
  let nextMs = performance.now() + FIRST_AFTER_MS;
  let isShown = false;
  return (done, total) => {
    const nowMs = performance.now();
    const isLast = done === total && isShown;
    if (nowMs < nextMs && !isLast) return;
    nextMs = nowMs + INTERVAL_MS;
    isShown = true;
    const line = lineOf(done, total);
    out.write(out.isTTY === true ? `${line.padEnd(78)}${isLast ? '\n' : '\r'}` : `${line}\n`);
  };
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
