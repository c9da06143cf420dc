import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { type Catalogue, catalogueOf, PACKAGES, type PackageName } from '../mcp/index.js';
import { print } from './connection.js';

interface StartFlags {
  readonly data: string;
  readonly tools?: readonly PackageName[];
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
    .action(start);
  mcp
    .command('tools')
    .description('List the tools that are offered, and those that are not yet, with the reason')
    .option('--tools <packages>', `whose tools, of ${PACKAGES.join(',')}`, packagesOf)
    .option('--json', 'print one JSON object')
    .action(listTools);
}

function packagesOf(text: string): readonly PackageName[] {
  return text.split(',').map((name) => {
    const found = PACKAGES.find((one) => one === name.trim());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`there are tools of ${PACKAGES.join(', ')}, not of '${name}'.`);
  });
}

async function start({ data, tools }: StartFlags): Promise<void> {
  const { serveOnStdio } = await import('../mcp/index.js');
  await serveOnStdio({ directory: data, packages: tools });
}

function listTools({ json, tools }: ToolsFlags): void {
  const catalogue = catalogueOf(tools);
  const offered = [...catalogue.offered.values()].map(({ name, packages, description }) => {
    return { name, packages, description };
  });
  const missing = [...catalogue.missing.values()];
  print(json, { offered, missing }, listing(catalogue));
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
