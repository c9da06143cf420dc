/** The files of examples/deploy: their commands exist, and the script of the containers does its work. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { buildProgram } from '../../src/cli/program.js';
import { parseSwarmFile } from '../../src/cli/up/file.js';
import { freePort, scratch } from './support/directories.js';
import { until } from '../waiting.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const deploy = (path: string): string => readFileSync(join(ROOT, 'examples/deploy', path), 'utf8');

/** Words behind `agentic-flow` that name a command, and the options that it is given. */
async function expectCommand(words: readonly string[]): Promise<void> {
  let command = await buildProgram();
  let at = 0;
  for (; at < words.length; at += 1) {
    const next = command.commands.find((one) => one.name() === words[at]);
    if (next === undefined) break;
    command = next;
  }
  expect(at, words.join(' ')).toBeGreaterThan(0);
  expect(command.commands, words.join(' ')).toEqual([]);
  const known = command.options.map(({ long }) => long);
  for (const word of words.filter((one) => one.startsWith('--'))) expect(known).toContain(word);
}

describe('the examples', () => {
  it('of systemd call commands and options that there are', async () => {
    const service = deploy('systemd/agentic-flow@.service');
    const options = /^AGENTIC_FLOW_OPTIONS=(.*)$/m.exec(deploy('systemd/node.env'))?.[1] ?? '';
    const start = /^ExecStart=\S+agentic-flow (.*) \$AGENTIC_FLOW_OPTIONS$/m.exec(service)?.[1];
    await expectCommand([...(start ?? '').split(' '), ...options.split(' ')]);
    const backup = /agentic-flow (swarm backup .*--data)/.exec(
      deploy('systemd/agentic-flow-backup@.service'),
    );
    await expectCommand((backup?.[1] ?? '').split(' '));
  });

  it('of containers have one node each, and a health check that there is', async () => {
    const compose = parse(deploy('container/compose.yaml')) as {
      services: Record<string, { environment: { ADVERTISE: string; FOUNDER?: string } }>;
    };
    const nodes = Object.entries(compose.services);
    expect(nodes.map(([name, { environment }]) => [name, environment.ADVERTISE])).toEqual(
      nodes.map(([name]) => [name, `${name}:7000`]),
    );
    expect(nodes.filter(([, { environment }]) => environment.FOUNDER === 'yes').length).toBe(1);
    const check = /CMD (\[.*\])$/m.exec(deploy('container/Dockerfile'))?.[1] ?? '';
    await expectCommand((JSON.parse(check) as string[]).slice(1));
  });

  it('of swarm up is a file that it takes', () => {
    const spec = parseSwarmFile(deploy('swarm.yaml'), '/etc/agentic-flow/swarm.yaml');
    expect(spec).toMatchObject({ voters: 3, tokens: '/etc/agentic-flow/swarm.tokens.json' });
    expect(spec.nodes.map(({ zone }) => zone)).toEqual(['rack-1', 'rack-2', 'rack-3']);
  });
});

describe('the script of the containers', () => {
  const processes = new Set<ChildProcess>();
  afterAll(() => {
    for (const child of processes) child.kill('SIGKILL');
  });

  /** Runs it as a container would; resolves with what it said until it was ready. */
  async function node(name: string, secrets: string, more: Readonly<Record<string, string>>) {
    const address = `127.0.0.1:${await freePort()}`;
    const data = scratch(name);
    const main = join(ROOT, 'dist/src/cli/main.js');
    const env = {
      PATH: process.env['PATH'] ?? '',
      DATA: data,
      SECRETS: secrets,
      LISTEN: address,
      ADVERTISE: address,
      ZONE: name,
      AGENTIC_FLOW: `${process.execPath} --liftoff-only ${main}`,
      ...more,
    };
    const script = join(ROOT, 'examples/deploy/container/run-node.sh');
    const start = async () => {
      const child = spawn('sh', [script], { env });
      processes.add(child);
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
      }
      await until(`${name} is ready`, async () => said.includes('"ready"'));
      return { child, said: () => said };
    };
    return { data, start };
  }

  it('creates a swarm once, joins others, and keeps the tokens out of what it says', async () => {
    const secrets = scratch('secrets');
    mkdirSync(secrets);
    const founder = await node('a', secrets, { FOUNDER: 'yes' });
    const joiner = await node('b', secrets, {});
    // The second one waits for the file that the first one writes.
    const [b, a] = await Promise.all([joiner.start(), founder.start()]);
    const file = join(secrets, 'swarm.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { swarmId, joinToken } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    for (const { data } of [founder, joiner]) {
      const own = JSON.parse(readFileSync(join(data, 'node.json'), 'utf8')) as { swarmId: string };
      expect(own.swarmId).toBe(swarmId);
    }
    expect(a.said() + b.said()).not.toContain(joinToken);
    const ended = new Promise((resolve) => a.child.once('exit', resolve));
    a.child.kill('SIGTERM');
    expect(await ended).toBe(0);
    await founder.start();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ swarmId });
  });
});
