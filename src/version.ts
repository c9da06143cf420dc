import { readFileSync } from 'node:fs';

/** The release of this package. */
export function packageVersion(): string {
  // dist/src/version.js lies two folders below the package.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'version' in value
    ? String(value.version)
    : 'unknown';
}
