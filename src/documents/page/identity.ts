/** The key of a page, by the cryptography of browsers (Web Crypto): nothing of Node. */
import { DocumentError, messageOf } from '../error.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** The keys as a browser keeps them; they can be stored in IndexedDB as they are. */
export interface PageKeys {
  readonly publicKey: object;
  readonly privateKey: object;
}

/** Who a page is. */
export interface PageIdentity {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** The part of `SubtleCrypto` that is used. */
interface Subtle {
  generateKey(algorithm: string, isExtractable: boolean, usages: string[]): Promise<PageKeys>;
  exportKey(format: 'raw', key: object): Promise<ArrayBuffer>;
  sign(algorithm: string, key: object, bytes: Bytes): Promise<ArrayBuffer>;
}

/** New keys; the private one cannot be read out of the browser. Throws `DocumentError` `not-admitted`. */
export async function createPageKeys(): Promise<PageKeys> {
  try {
    return await subtle().generateKey('Ed25519', false, ['sign', 'verify']);
  } catch (error) {
    throw failed('no key can be made', error);
  }
}

/** The identity that keys give; it is the same as long as they are kept. */
export async function pageIdentity(keys: PageKeys): Promise<PageIdentity> {
  try {
    const publicKey = new Uint8Array(await subtle().exportKey('raw', keys.publicKey));
    return {
      publicKey,
      sign: async (bytes) =>
        new Uint8Array(await subtle().sign('Ed25519', keys.privateKey, new Uint8Array(bytes))),
    };
  } catch (error) {
    throw failed('the key cannot be used', error);
  }
}

function subtle(): Subtle {
  const found = (globalThis as { crypto?: { subtle?: unknown } }).crypto?.subtle;
  if (found !== undefined) return found as Subtle;
  throw new Error('there is no Web Crypto here: pages have it over https and on localhost');
}

function failed(what: string, error: unknown): DocumentError {
  const sentence = `${what} (${messageOf(error)}); it takes a browser that knows Ed25519`;
  return new DocumentError('not-admitted', sentence, { cause: error });
}
