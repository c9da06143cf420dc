// Runs the command line of the product again and again in one process: `{ args }` comes as a message,
// and how it ended goes back. Not for commands that stay: those leave by `process.exit`.
import { fileURLToPath } from 'node:url';

import type { Finished } from './processes.js';

const COMMAND = new URL('../../../src/cli/main.js', import.meta.url);
let runs = 0;

async function run(args: readonly string[]): Promise<Finished> {
  const said = { stdout: '', stderr: '' };
  const written = [process.stdout, process.stderr].map((stream) => stream.write);
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
      said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      const done = rest.at(-1);
      if (typeof done === 'function') process.nextTick(done as () => void);
      return true;
    };
  }
  process.argv = [process.execPath, fileURLToPath(COMMAND), ...args];
  process.exitCode = 0;
  runs += 1;
  try {
    // Each name is a module of its own, which runs when it is imported.
    await import(`${COMMAND.href}?run=${runs}`);
  } finally {
    [process.stdout.write, process.stderr.write] = written as [never, never];
  }
  const code = Number(process.exitCode);
  process.exitCode = 0;
  return { code, ...said };
}

process.on('message', (args: readonly string[]) => {
  void run(args).then((finished) => process.send?.(finished));
});
process.on('disconnect', () => process.exit());
