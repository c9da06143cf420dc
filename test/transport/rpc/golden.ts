import { expect } from 'vitest';
import { LENGTH_BYTES } from '../../../transport/rpc/codec.js';
import { RpcError } from '../../../transport/rpc/rpc.js';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The message of a golden frame, without its length; the text may have spaces in it. */
export const message = (golden: string): Uint8Array =>
  Buffer.from(golden.replaceAll(' ', ''), 'hex').subarray(LENGTH_BYTES);

/** What `run` throws. */
export function thrownBy(run: () => unknown): RpcError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(RpcError);
    return error as RpcError;
  }
  throw new Error('nothing was thrown');
}
