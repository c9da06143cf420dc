import { stat } from 'node:fs/promises';

import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import type { Catalogue } from '../mcp/index.js';
import { PACKAGES, type PackageName } from '../mcp/packages.js';
import { print } from './connection.js';
import { ExitError } from './failure.js';

interface StartFlags {
  readonly data: string;
  readonly tools?: readonly PackageName[];
  readonly http?: Address;
  readonly origin?: readonly string[];
  /** False with `--no-token`. */
  readonly token: boolean;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

interface ToolsFlags {
  readonly tools?: readonly PackageName[];
  readonly json?: boolean;
}

/** `mcp start` and `mcp tools`: the tools of v1 for programs that speak the Model Context Protocol. */
export function addMcpCommands(program: Command): void {
  const mcp = program.command('mcp').description('Tools of v1 for MCP clients, on the v2 store');
  mcp
    .command('start')
    .description('Serve on standard input and output until it ends; diagnostics on standard error')
    .option('--data <dir>', 'directory of the project', '.')
    .option('--tools <packages>', `whose tools, of ${PACKAGES.join(',')}`, packagesOf)
    .option('--http <[host:]port>', 'serve over HTTP instead; the host is 127.0.0.1', addressOf)
    .option('--origin <origins...>', 'origins of pages that may call over HTTP')
    .option('--no-token', 'let every program of this machine call over HTTP')
    .addHelpText(
      'after',
      '\nOver HTTP clients send a bearer token: AGENTIC_FLOW_MCP_TOKEN, or one that is made and\n' +
        'printed on standard error.',
    )
    .action(start);
  mcp
    .command('tools')
    .description('List the tools that are offered, and those that are not yet, with the reason')
    .option('--tools <packages>', `whose tools, of ${PACKAGES.join(',')}`, packagesOf)
    .option('--json', 'print one JSON object')
    .action(listTools);
  mcp
    .command('verify')
    .description('Check a certificate of recall_with_certificate; exit code 2: it is not valid')
    .argument('<certificate>', 'its id')
    .option('--data <dir>', 'directory of the project', '.')
    .option('--json', 'print one JSON object')
    .action(verify);
}

function packagesOf(text: string): readonly PackageName[] {
  return text.split(',').map((name) => {
    const found = PACKAGES.find((one) => one === name.trim());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`there are tools of ${PACKAGES.join(', ')}, not of '${name}'.`);
  });
}

function addressOf(text: string): Address {
  const [, host = '127.0.0.1', digits] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits ?? NaN);
  if (port <= 65_535) return { host: host.replaceAll(/^\[|\]$/g, ''), port };
  throw new InvalidArgumentError(`'${text}' is no port and no host:port.`);
}

async function start({ data, tools, http, origin, token: isGuarded }: StartFlags): Promise<void> {
  // A name that was mistyped would be a new project without memories.
  if (!(await stat(data).catch(() => undefined))?.isDirectory()) {
    throw new ExitError(
      1,
      `error: ${data} is no folder; name the directory of the project by --data`,
    );
  }
  const { serveOnHttp, serveOnStdio } = await import('../mcp/index.js');
  const options = { directory: data, packages: tools };
  if (http === undefined) return serveOnStdio(options);
  const given = process.env['AGENTIC_FLOW_MCP_TOKEN'];
  const token = isGuarded ? given : null;
  const service = await serveOnHttp({ ...options, ...http, token, origins: origin });
  process.stderr.write(`serving ${service.url}\n`);
  if (isGuarded && given === undefined) process.stderr.write(`token ${service.token}\n`);
  await new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  return service.close();
}

async function listTools({ json, tools }: ToolsFlags): Promise<void> {
  const { catalogueOf } = await import('../mcp/index.js');
  const catalogue = catalogueOf(tools);
  const offered = [...catalogue.offered.values()].map(({ name, packages, description }) => {
    return { name, packages, description };
  });
  const missing = [...catalogue.missing.values()];
  print(json, { offered, missing }, listing(catalogue));
}

async function verify(
  id: string,
  { data, json }: { readonly data: string; readonly json?: boolean },
): Promise<void> {
  const { verifyProjectCertificate } = await import('../mcp/index.js');
  const { isValid, issues } = await verifyProjectCertificate(data, id);
  print(json, { isValid, issues }, isValid ? 'valid' : ['not valid:', ...issues].join('\n  '));
  if (!isValid) throw new ExitError(2);
}

function listing({ offered, missing }: Catalogue): string {
  const lines = [`Offered (${offered.size}):`];
  for (const { name, packages } of offered.values())
    lines.push(`  ${name} (${packages.join(', ')})`);
  lines.push(`Not offered yet (${missing.size}):`);
  for (const { name, packages, reason } of missing.values()) {
    lines.push(`  ${name} (${packages.join(', ')}): ${reason}`);
  }
  return `${lines.join('\n')}\n`;
}
