import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeConnection } from './native.js';

/** Name of the variable that other TLS programs use too; Wireshark reads the file. */
const VARIABLE = 'SSLKEYLOGFILE';

let directory: string | undefined;

/** Where the keys of single connections go, or undefined when nobody asked for them. */
function keyLogDirectory(): string | undefined {
  const file = process.env[VARIABLE];
  if (file === undefined || file === '') return undefined;
  directory ??= mkdtempSync(join(tmpdir(), 'agentic-flow-keys-'));
  return directory;
}

let count = 0;

/**
 * Writes the TLS secrets of a connection to the file that SSLKEYLOGFILE names, so that captured
 * packets can be read. Only for debugging: whoever has the file can read everything.
 *
 * The engine writes to a file for each connection and empties it when it begins; what is in there is
 * appended to the common file and removed.
 */
export class KeyLog {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static begin(native: NativeConnection): KeyLog | undefined {
    // On Linux `SecretTap` has the engine's one place for keys, and serves this wish too.
    if (process.platform === 'linux') return undefined;
    const folder = keyLogDirectory();
    if (folder === undefined) return undefined;
    count += 1;
    const path = join(folder, `${process.pid}-${count}`);
    native.setKeylog(path);
    return new KeyLog(path);
  }

  /** The handshake is over, or the connection: nothing is added any more. */
  end(): void {
    const file = process.env[VARIABLE];
    try {
      if (file !== undefined) appendFileSync(file, readFileSync(this.#path), { mode: 0o600 });
      rmSync(this.#path, { force: true });
    } catch {
      // Debugging must not end a connection.
    }
  }
}
