/**
 * How a command on the same machine speaks to a running supervisor: a socket in the data directory
 * that only its owner may open. One connection carries one request and one answer, each a line of
 * JSON with a version.
 */
import { chmod, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { basename, dirname } from 'node:path';

import { z } from 'zod';

import { NodeError, messageOf } from '../errors.js';
import {
  CONTROL_ANSWER_TIMEOUT_MS,
  CONTROL_CONNECTIONS_MAX,
  CONTROL_LINE_BYTES_MAX,
  CONTROL_REQUEST_TIMEOUT_MS,
} from './limits.js';

const CONTROL_VERSION = 1;
/** What the kernel takes for the path of a socket, with the zero at its end. */
const SOCKET_PATH_BYTES_MAX = 107;

const request = z.object({
  version: z.literal(CONTROL_VERSION),
  request: z.discriminatedUnion('type', [
    z.object({ type: z.literal('status') }),
    z.object({ type: z.literal('use'), release: z.string().min(1).max(200) }),
  ]),
});

const answer = z.object({
  version: z.literal(CONTROL_VERSION),
  /** Why the request was refused or failed; null when it was done. */
  problem: z.string().nullable(),
  value: z.unknown(),
});

export type ControlRequest = z.infer<typeof request>['request'];

/** Answers requests until `close`. What `handle` throws is what the caller reads. */
export class ControlSocket {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #path: string;
  #directory: FileHandle | undefined;

  private constructor(path: string, handle: (request: ControlRequest) => Promise<unknown>) {
    this.#path = path;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      if (this.#sockets.size > CONTROL_CONNECTIONS_MAX) socket.destroy();
      else void answerOne(socket, handle);
    });
  }

  static async listen(
    path: string,
    handle: (request: ControlRequest) => Promise<unknown>,
  ): Promise<ControlSocket> {
    const control = new ControlSocket(path, handle);
    // The caller holds the lock of the supervisor: nobody listens there any more.
    await rm(path, { force: true });
    const short = await shortPath(path);
    control.#directory = short.directory;
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        control.#server.once('error', reject);
        control.#server.listen(short.path, resolve);
      });
    } finally {
      process.umask(mask);
    }
    await chmod(path, 0o600);
    return control;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#directory?.close();
    await rm(this.#path, { force: true });
  }
}

/** A path that is too long for the kernel is reached by way of its open folder. */
async function shortPath(
  path: string,
): Promise<{ path: string; directory: FileHandle | undefined }> {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { path, directory: undefined };
  if (process.platform !== 'linux') {
    throw new NodeError(
      'directory',
      `${path} is too long for a socket (${SOCKET_PATH_BYTES_MAX} bytes at most); use a shorter directory`,
    );
  }
  const directory = await open(dirname(path), 'r');
  return { path: `/proc/self/fd/${directory.fd}/${basename(path)}`, directory };
}

async function answerOne(
  socket: Socket,
  handle: (request: ControlRequest) => Promise<unknown>,
): Promise<void> {
  let said: { problem: string | null; value: unknown };
  try {
    const line = await readLine(socket, CONTROL_REQUEST_TIMEOUT_MS);
    const parsed = request.safeParse(JSON.parse(line));
    if (!parsed.success) {
      throw new Error(
        'the supervisor does not know this request; use the command line of the release that it runs',
      );
    }
    said = { problem: null, value: (await handle(parsed.data.request)) ?? null };
  } catch (error) {
    said = { problem: messageOf(error), value: null };
  }
  if (!socket.destroyed) socket.end(`${JSON.stringify({ version: CONTROL_VERSION, ...said })}\n`);
}

async function readLine(socket: Socket, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(why));
    };
    const timer = setTimeout(() => fail('no whole line came in time'), timeoutMs);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > CONTROL_LINE_BYTES_MAX) return fail('the line is too long');
      chunks.push(chunk);
      if (!chunk.includes(10)) return;
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString('utf8').split('\n', 1)[0] ?? '');
    });
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => fail('the connection ended'));
  });
}

/**
 * Asks the supervisor of a directory.
 * @throws NodeError `stopped` when none runs there, `refused` with what it said otherwise.
 */
export async function askSupervisor(path: string, asked: ControlRequest): Promise<unknown> {
  const short = await shortPath(path).catch((error: unknown) => {
    throw notRunning(path, error);
  });
  const socket = createConnection(short.path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) => reject(notRunning(path, error)));
    });
    socket.write(`${JSON.stringify({ version: CONTROL_VERSION, request: asked })}\n`);
    const line = await readLine(socket, CONTROL_ANSWER_TIMEOUT_MS).catch((error: unknown) => {
      throw new NodeError('stopped', `the supervisor gave no answer: ${messageOf(error)}`);
    });
    const { problem, value } = answer.parse(JSON.parse(line));
    if (problem !== null) throw new NodeError('refused', problem);
    return value;
  } finally {
    socket.destroy();
    await short.directory?.close();
  }
}

function notRunning(path: string, error: unknown): NodeError {
  return new NodeError(
    'stopped',
    `no supervisor answers at ${path} (${messageOf(error)}); start the node with ` +
      `'agentic-flow node start --supervise'`,
    error,
  );
}
