/** Options of `node start` for the gateway of pages. */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';

import type { PagesOptions } from '../../nodes/pages/node-pages.js';
import { parseHostPort } from '../../transport/identity/index.js';
import { ExitError, messageFor } from './failure.js';

export interface PagesFlags {
  readonly pagesListen?: string;
  readonly pagesOrigins?: string;
  readonly pagesCert?: string;
  readonly pagesKey?: string;
}

/** Each option with the variable by which a supervisor tells it to its processes. */
const OPTIONS = [
  {
    name: 'pagesListen',
    flag: '--pages-listen',
    value: '<host:port>',
    text: 'TCP address at which pages in browsers reach documents; given at each start (see docs/crdt.md)',
    variable: 'AGENTIC_FLOW_PAGES_LISTEN',
  },
  {
    name: 'pagesOrigins',
    flag: '--pages-origins',
    value: '<origins>',
    text: 'sites whose pages may come, as https://host:port with commas between; all if left out',
    variable: 'AGENTIC_FLOW_PAGES_ORIGINS',
  },
  {
    name: 'pagesCert',
    flag: '--pages-cert',
    value: '<file>',
    text: 'certificate of that address (PEM); plain HTTP if left out',
    variable: 'AGENTIC_FLOW_PAGES_CERT',
  },
  {
    name: 'pagesKey',
    flag: '--pages-key',
    value: '<file>',
    text: 'its private key (PEM)',
    variable: 'AGENTIC_FLOW_PAGES_KEY',
  },
] as const;

export const PAGES_FLAGS: readonly string[] = OPTIONS.map(({ flag }) => flag);

export function withPages(command: Command): Command {
  for (const { flag, value, text, variable } of OPTIONS) {
    command.addOption(new Option(`${flag} ${value}`, text).env(variable));
  }
  return command;
}

/** For the processes of a supervisor, of which a build of before passes over the variables. */
export function rememberPages(flags: PagesFlags): void {
  for (const { name, variable } of OPTIONS) {
    const given = flags[name];
    if (given !== undefined) process.env[variable] = given;
  }
}

/** What the flags ask for; undefined: no pages. Throws `ExitError`. */
export function pagesOptions(flags: PagesFlags): PagesOptions | undefined {
  const { pagesListen, pagesOrigins, pagesCert, pagesKey } = flags;
  if (pagesListen === undefined) {
    const left = OPTIONS.find(({ name }) => flags[name] !== undefined);
    if (left === undefined) return undefined;
    throw new ExitError(1, `error: ${left.flag} is for pages: give --pages-listen HOST:PORT, too`);
  }
  if ((pagesCert === undefined) !== (pagesKey === undefined)) {
    throw new ExitError(1, 'error: give --pages-cert and --pages-key, or neither');
  }
  const tls =
    pagesCert === undefined || pagesKey === undefined
      ? {}
      : { tls: { certificatePem: textOf(pagesCert), privateKeyPem: textOf(pagesKey) } };
  const origins =
    pagesOrigins === undefined ? {} : { origins: pagesOrigins.split(',').map(origin) };
  try {
    return { listen: parseHostPort(pagesListen), ...origins, ...tls };
  } catch (error) {
    throw new ExitError(1, `error: --pages-listen: ${messageFor(error)}`);
  }
}

function origin(text: string): string {
  const trimmed = text.trim();
  // A browser names an origin without a path and in this form; another text would match nothing.
  if (URL.canParse(trimmed) && new URL(trimmed).origin === trimmed) return trimmed;
  throw new ExitError(
    1,
    `error: --pages-origins: '${trimmed}' is no origin; https://host:port is one, with nothing behind it`,
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ExitError(1, `error: ${file} cannot be read: ${messageFor(error)}`);
  }
}
