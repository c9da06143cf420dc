/** What `swarm up` asks of which machine, with machines that are played by the test. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import { nodeDisk } from '../../../../nodes/storage/disk.js';
import { parseSwarmFile, readSwarmFile } from '../../../../src/cli/up/file.js';
import { commandFor, quoted } from '../../../../src/cli/up/machine.js';
import type { Ran, Runner } from '../../../../src/cli/up/machine.js';
import { bringUp } from '../../../../src/cli/up/up.js';

const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-up-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TEXT = `
version: 1
tokens: tokens.json
nodes:
  - name: a
    directory: /data/a
    listen: 10.0.0.1:7001
    ssh: [ssh, op@one]
  - name: b
    directory: /data/b
    listen: 10.0.0.2:7001
    zone: rack 2
    ssh: [ssh, op@two]
    program: [/opt/agentic-flow]
  - name: c
    directory: /data/c
    listen: 10.0.0.3:7001
    ssh: [ssh, op@three]
    start: [systemctl, start, agentic-flow@c]
`;

const spec = () => parseSwarmFile(TEXT, join(folder, 'swarm.yaml'));

/** Machines on which the named nodes live. */
class Machines {
  readonly calls: { readonly line: string; readonly stdin: string | undefined }[] = [];
  readonly nodes = new Map<string, boolean>();
  swarmId = 'swarm-1';
  failing = /$^/;

  readonly run: Runner = async (argv, { stdin }): Promise<Ran> => {
    const line = argv.join(' ');
    this.calls.push({ line, stdin });
    if (this.failing.test(line)) return { code: 1, stdout: '', stderr: 'why it failed' };
    const name = /data\/(\w)/.exec(line)?.[1] ?? /@(\w)$/.exec(line)?.[1] ?? '';
    const address = `${name}:7001#peer-${name}`;
    return {
      code: 0,
      stdout: `${JSON.stringify(this.#answer(line, name, address))}\n`,
      stderr: '',
    };
  };

  #answer(line: string, name: string, address: string): object {
    const { swarmId } = this;
    if (line.includes('node probe')) {
      const isThere = this.nodes.has(name);
      const node = isThere ? { swarmId, nodeId: 1, address } : null;
      return { node, running: this.nodes.get(name) === true };
    }
    if (line.includes('swarm init')) {
      return {
        swarmId,
        address,
        joinToken: 'afj_secret',
        clientToken: 'afc_secret',
        operatorToken: 'afo_secret',
      };
    }
    this.nodes.set(name, !line.includes('--prepare'));
    return { event: 'ready', address };
  }

  /** Without the probes. */
  get lines(): string[] {
    return this.calls.map(({ line }) => line).filter((line) => !line.includes('node probe'));
  }
}

describe('swarm up', () => {
  it('creates on the first machine and joins the others through it, the token on their input', async () => {
    const machines = new Machines();
    const told: string[] = [];
    const report = await bringUp(spec(), machines.run, (line) => told.push(line));
    expect(report.nodes.map(({ did }) => did)).toEqual(['created', 'joined', 'joined']);
    const place = (name: string): string => `node start --data /data/${name} --json`;
    const joining = "--join 'a:7001#peer-a' --token-stdin";
    expect(machines.lines).toEqual([
      'ssh op@one agentic-flow swarm init --json --data /data/a --listen 10.0.0.1:7001',
      `ssh op@one agentic-flow ${place('a')} --detach`,
      `ssh op@two /opt/agentic-flow ${place('b')} --zone 'rack 2' --listen 10.0.0.2:7001 ${joining} --detach`,
      `ssh op@three agentic-flow ${place('c')} --listen 10.0.0.3:7001 ${joining} --prepare`,
      'ssh op@three systemctl start agentic-flow@c',
    ]);
    const secrets = machines.calls.filter(({ stdin }) => stdin !== undefined);
    expect(secrets.map(({ stdin }) => stdin)).toEqual(['afj_secret', 'afj_secret']);
    expect([...told, ...machines.lines].join()).not.toContain('_secret');
    expect(readFileSync(join(folder, 'tokens.json'), 'utf8')).toContain('afj_secret');
  });

  it('does nothing where all run, and starts together what is stopped', async () => {
    const machines = new Machines();
    machines.nodes.set('a', true).set('b', true).set('c', true);
    const all = await bringUp(spec(), machines.run, () => undefined);
    expect(all.nodes.map(({ did }) => did)).toEqual(Array(3).fill('was running'));
    expect(machines.lines).toEqual([]);
    machines.nodes.set('a', false).set('b', false);
    const two = await bringUp(spec(), machines.run, () => undefined);
    expect(two.nodes.map(({ did }) => did)).toEqual(['started', 'started', 'was running']);
  });

  it('gives a node the address of its topics at each start, and refuses it where it cannot', async () => {
    const machines = new Machines();
    machines.nodes.set('a', true).set('b', false).set('c', true);
    const topics = (name: string, address: string): string =>
      TEXT.replace(`/data/${name}\n`, `/data/${name}\n    topicsListen: "${address}"\n`);
    const path = join(folder, 'swarm.yaml');
    await bringUp(parseSwarmFile(topics('b', '[::]:7002'), path), machines.run, () => undefined);
    expect(machines.lines).toEqual([
      "ssh op@two /opt/agentic-flow node start --data /data/b --json --zone 'rack 2' " +
        "--topics-listen '[::]:7002' --detach",
    ]);
    expect(() => parseSwarmFile(topics('b', '10.0.0.2'), path)).toThrow(/must be HOST:PORT/);
    expect(() => parseSwarmFile(topics('b', '10.0.0.2:7001'), path)).toThrow(
      /b and b both have the address 10\.0\.0\.2:7001/,
    );
    expect(() => parseSwarmFile(topics('b', '10.0.0.2:0'), path)).not.toThrow();
    expect(() => parseSwarmFile(topics('c', '10.0.0.3:7002'), path)).toThrow(
      /topicsListen of c does not reach what its `start` runs/,
    );
  });

  it('says how many are to vote, when the file does', async () => {
    const machines = new Machines();
    machines.nodes.set('a', true).set('b', true).set('c', true);
    const three = parseSwarmFile(`voters: 3${TEXT}`, join(folder, 'swarm.yaml'));
    await bringUp(three, machines.run, () => undefined);
    expect(machines.lines).toEqual([
      'ssh op@one agentic-flow swarm set-voters 3 --data /data/a --json',
    ]);
  });

  it('goes on where it failed when it is run again', async () => {
    rmSync(spec().tokens);
    const machines = new Machines();
    machines.failing = /data\/b.*--join/;
    const failed = bringUp(spec(), machines.run, () => undefined);
    await expect(failed).rejects.toThrow('error: b: code 1: why it failed');
    machines.failing = /$^/;
    const report = await bringUp(spec(), machines.run, () => undefined);
    expect(report.nodes.map(({ did }) => did)).toEqual(['was running', 'joined', 'joined']);
  });

  it('refuses nodes of two swarms, and tokens of another one', async () => {
    const machines = new Machines();
    machines.nodes.set('a', true);
    machines.swarmId = 'swarm-2';
    await expect(bringUp(spec(), machines.run, () => undefined)).rejects.toThrow(
      /has the tokens of swarm swarm-1, and the nodes are of swarm-2/,
    );
    machines.nodes.set('b', true);
    const run: Runner = async (argv, options) => {
      const ran = await machines.run(argv, options);
      return argv.join().includes('data/b')
        ? { ...ran, stdout: ran.stdout.replace('swarm-2', 'swarm-3') }
        : ran;
    };
    await expect(bringUp(spec(), run, () => undefined)).rejects.toThrow('different swarms');
  });
});

describe('the tokens of a new swarm', () => {
  const silent = (): void => undefined;

  /** A swarm file in a folder of its own. */
  function place(name: string, tokens = 'tokens.json') {
    const own = join(folder, name);
    mkdirSync(own);
    const text = TEXT.replace('tokens: tokens.json', `tokens: ${tokens}`);
    const file = parseSwarmFile(text, join(own, 'swarm.yaml'));
    return { file, path: file.tokens, unfinished: `${file.tokens}.unfinished` };
  }

  it('have a place before it is created', async () => {
    const { file } = place('no-folder', 'missing/tokens.json');
    const machines = new Machines();
    await expect(bringUp(file, machines.run, silent)).rejects.toThrow(
      /cannot be kept in .*missing\/tokens\.json.*Nothing was done/,
    );
    expect(machines.lines).toEqual([]);
  });

  it('do not replace those of another one, be they finished or not', async () => {
    const { file, path, unfinished } = place('other');
    for (const kept of [path, unfinished]) {
      writeFileSync(kept, 'of another swarm');
      const machines = new Machines();
      await expect(bringUp(file, machines.run, silent)).rejects.toThrow(/Is a disk not mounted/);
      expect(machines.lines).toEqual([]);
      expect(readFileSync(kept, 'utf8')).toBe('of another swarm');
      rmSync(kept);
    }
  });

  it('leave nothing behind when it was not created, and are for the owner only', async () => {
    const { file, path, unfinished } = place('again');
    const machines = new Machines();
    machines.failing = /swarm init/;
    await expect(bringUp(file, machines.run, silent)).rejects.toThrow('why it failed');
    expect([existsSync(path), existsSync(unfinished)]).toEqual([false, false]);
    machines.failing = /$^/;
    // As a run leaves it that was killed while it created the swarm.
    writeFileSync(unfinished, '', { mode: 0o644 });
    expect((await bringUp(file, machines.run, silent)).tokens).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(unfinished)).toBe(false);
  });

  it('keep their name through a power cut', async () => {
    const { file, path, unfinished } = place('durable');
    const machines = new Machines();
    const synced: string[] = [];
    const sync = vi.spyOn(nodeDisk, 'syncDirectory').mockImplementation(async (directory) => {
      // Once the file has its name.
      if (existsSync(path)) synced.push(directory);
    });
    try {
      await bringUp(file, machines.run, silent);
      expect(synced).toEqual([dirname(path)]);
      renameSync(path, unfinished);
      await bringUp(file, machines.run, silent);
      expect(synced).toEqual([dirname(path), dirname(path)]);
    } finally {
      sync.mockRestore();
    }
  });

  it('that are missing later are told, and found again where a killed run left them', async () => {
    const { file, path, unfinished } = place('later');
    const machines = new Machines();
    await bringUp(file, machines.run, silent);
    renameSync(path, unfinished);
    expect((await bringUp(file, machines.run, silent)).tokens).toBe(path);
    rmSync(path);
    const told: string[] = [];
    const report = await bringUp(file, machines.run, (line) => told.push(line));
    expect(report.tokens).toBe(null);
    expect(told.join()).toMatch(/tokens\.json is missing.*swarm rotate-token KIND --data DIR/);
  });

  it('that cannot be written once it is there: says how to make others', async () => {
    const { file, path } = place('lost');
    const machines = new Machines();
    const run: Runner = async (argv, options) => {
      if (argv.join(' ').includes('swarm init')) mkdirSync(path);
      return machines.run(argv, options);
    };
    const failed = bringUp(file, run, silent);
    await expect(failed).rejects.toThrow(/swarm-1 is created.*rotate-token KIND --data DIR/);
  });
});

describe('the file of a swarm', () => {
  it('is a regular file of bounded size, or refused before it is read', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const path of ['/dev/zero', pipe, folder]) {
      await expect(readSwarmFile(path)).rejects.toThrow(
        `error: ${path} cannot be read: it is no regular file. Nothing was done`,
      );
    }
    const path = join(folder, 'large.yaml');
    writeFileSync(path, Buffer.alloc(1024 * 1024 + 1, '#'));
    await expect(readSwarmFile(path)).rejects.toThrow('it is larger than 1048576 bytes');
    await expect(readSwarmFile(join(folder, 'none'))).rejects.toThrow(
      /none cannot be read: ENOENT/,
    );
    writeFileSync(path, TEXT);
    expect((await readSwarmFile(path)).nodes).toHaveLength(3);
  });

  const bad: readonly (readonly [string, string, string])[] = [
    ['another version', 'version: 2\nnodes: []', 'version'],
    ['a key that nobody knows', `${TEXT}\nnode: []`, 'Unrecognized key'],
    ['no nodes', 'version: 1\nnodes: []', 'nodes'],
    ['an address without a port', TEXT.replace('10.0.0.1:7001', '10.0.0.1'), 'HOST:PORT'],
    ['two of one name', TEXT.replace('name: b', 'name: a'), 'a and a both have the name a'],
    ['a relative directory elsewhere', TEXT.replace('/data/b', 'data/b'), 'absolute path'],
    ['an even number of voters', `voters: 4${TEXT}`, 'voters'],
    ['no YAML', 'nodes: [', 'no YAML'],
  ];
  for (const [what, text, complaint] of bad) {
    it(`with ${what} is refused`, () => {
      expect(() => parseSwarmFile(text, 'f')).toThrow(complaint);
    });
  }

  it('on one machine has no directory or address twice', () => {
    const node = (name: string, port: number): string =>
      `  - {name: ${name}, directory: ${name}, listen: "127.0.0.1:${port}"}\n`;
    expect(() => parseSwarmFile(`version: 1\nnodes:\n${node('a', 1)}${node('b', 1)}`, 'f')).toThrow(
      'a and b both have the address 127.0.0.1:1',
    );
  });
});

describe('a command for a machine', () => {
  it('is one line for a shell over ssh, with every word quoted that needs it', () => {
    expect(quoted("it's $HOME")).toBe("'it'\\''s $HOME'");
    expect(quoted('/plain:7000#x')).toBe("'/plain:7000#x'");
    const [, b] = spec().nodes;
    expect(commandFor(b!, ['node', 'probe', 'a b'])).toEqual([
      'ssh',
      'op@two',
      "/opt/agentic-flow node probe 'a b'",
    ]);
    const here = commandFor({ ...b!, ssh: undefined, program: undefined }, ['node', 'probe']);
    expect(here[0]).toBe(process.execPath);
    expect(existsSync(here[1]!)).toBe(true);
  });
});
