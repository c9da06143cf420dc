/** The packages of bench/peers, which are installed only where the benches run. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const peersUrl = new URL('../../../bench/peers/', import.meta.url);
export const peersFolder = fileURLToPath(peersUrl);
export const peersRequire = createRequire(new URL('package.json', peersUrl));

/** The package is there, or the sentence that says what to do. */
export function missingPackage(name: string): string | undefined {
  try {
    peersRequire.resolve(name);
    return undefined;
  } catch {
    return 'not installed; npm install --prefix bench/peers';
  }
}
