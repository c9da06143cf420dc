/** Runs the command line of this product on the machine of a node: here, or over ssh. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import type { NodeSpec } from './file.js';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  /** Secrets go in here: other users of a machine can read its command lines. */
  readonly stdin?: string;
  readonly timeoutMs: number;
}

/** Runs one command to its end; rejects only when it cannot be started at all. */
export type Runner = (argv: readonly string[], options: RunOptions) => Promise<Ran>;

const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** The words that run `args` of this program where the node is. */
export function commandFor(node: NodeSpec, args: readonly string[]): string[] {
  const here = [process.execPath, MAIN];
  const program = node.program ?? (node.ssh === undefined ? here : ['agentic-flow']);
  return wordsFor(node, [...program, ...args]);
}

/** The words that run any command where the node is. */
export function wordsFor(node: NodeSpec, words: readonly string[]): string[] {
  // ssh hands one line to a shell there.
  return node.ssh === undefined ? [...words] : [...node.ssh, words.map(quoted).join(' ')];
}

/** A word as a POSIX shell reads it. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export const runProcess: Runner = (argv, { stdin, timeoutMs }) =>
  new Promise((resolve, reject) => {
    const [file = '', ...args] = argv;
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout = take(stdout, chunk)));
    child.stderr.on('data', (chunk: Buffer) => (stderr = take(stderr, chunk)));
    // A command that does not read has ended already, and says why by its code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? '');
    child.once('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(late);
      const why = signal === null ? '' : `\nended by ${signal} after ${timeoutMs} ms at most`;
      resolve({ code: code ?? 1, stdout, stderr: stderr + why });
    });
  });

function take(before: string, chunk: Buffer): string {
  return (before + chunk.toString()).slice(0, OUTPUT_BYTES_MAX);
}
