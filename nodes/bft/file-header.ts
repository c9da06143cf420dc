/**
 * How the files of a validator begin that say whose they are:
 *
 *     header    magic 7 bytes, version u8, chain 32 bytes
 */
import { ValidatorError } from './error.js';

export const FILE_HEADER_BYTES = 40;

/** `magic`: 7 ASCII characters. */
export function fileHeaderOf(magic: string, version: number, chain: Uint8Array): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  header.write(magic, 0, 'latin1');
  header.writeUInt8(version, 7);
  header.set(chain, 8);
  return header;
}

/** What is said of a file that a later release wrote. */
export function newerVersion(path: string, found: number, known: number): ValidatorError {
  return new ValidatorError(
    'newer-version',
    `${path} has version ${found}, this release reads ${known}; start the newer release`,
  );
}

/** What is said of a file that belongs to another chain. */
export function otherChain(path: string): ValidatorError {
  return new ValidatorError('other-chain', `${path} is of another chain; check the genesis`);
}
