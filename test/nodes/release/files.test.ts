import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { NodeError } from '../../../nodes/errors.js';
import { StorageError } from '../../../nodes/storage/index.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { ControlSocket, askSupervisor } from '../../../nodes/release/control-socket.js';
import type { ControlRequest } from '../../../nodes/release/control-socket.js';
import {
  makeSupervisorFolder,
  readRecord,
  readReleases,
  releaseFiles,
  writeRecord,
  writeReleases,
} from '../../../nodes/release/files.js';
import { identify, ownFolder, ownRelease } from '../../../nodes/release/identity.js';
import { FILE_BYTES_MAX, REASON_CHARACTERS_MAX } from '../../../nodes/release/limits.js';
import { fromChild, fromSupervisor } from '../../../nodes/release/messages.js';
import { SupervisedChild } from '../../../nodes/release/supervised.js';
import { addRelease, removeRelease } from '../../../nodes/release/registry.js';
import { firstRecord } from './environment.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-release-'));
let folders = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

function folder(): string {
  folders += 1;
  const path = join(root, String(folders));
  mkdirSync(path);
  return path;
}

const MAIN = join('/', 'dist', 'src', 'cli', 'main.js');
const IDENTITY = join(ownFolder(), 'dist', 'nodes', 'release', 'identity.js');

/** The least that counts as a build. */
function build(main = 'process.exit(1);\n', type = 'commonjs'): string {
  const path = folder();
  mkdirSync(join(path, 'dist', 'src', 'cli'), { recursive: true });
  mkdirSync(join(path, 'dist', 'test'));
  writeFileSync(
    join(path, 'package.json'),
    `{"name":"agentic-flow","version":"2.1.0","type":"${type}"}`,
  );
  writeFileSync(join(path, 'dist', 'src', 'cli', 'main.js'), main);
  return path;
}

const known = (name: string, path: string) => ({
  name,
  digest: 'a'.repeat(64),
  commandVersion: 5,
  path,
  addedAtMs: 1,
});

describe('the identity of a release', () => {
  it('changes with the files that run, and with no others', async () => {
    const path = build();
    const before = await identify(path);
    expect(before.name).toBe(`2.1.0+${before.digest.slice(0, 12)}`);
    writeFileSync(join(path, 'dist', 'test', 'some.test.js'), 'a test');
    writeFileSync(join(path, 'dist', 'src', 'cli', 'main.js.map'), '{}');
    writeFileSync(join(path, 'README.md'), 'words');
    expect(await identify(path)).toEqual(before);
    writeFileSync(join(path, 'dist', 'src', 'cli', 'other.js'), '');
    expect((await identify(path)).digest).not.toBe(before.digest);
  });

  it('is that of this package for this process', async () => {
    const own = await ownRelease();
    expect(own).toMatchObject(await identify(ownFolder()));
  });

  it.each([
    ['{"name":"agentic-flow"}', 'package.json cannot be used'],
    ['{"name":"other","version":"1.0.0"}', 'of the package other'],
    ['no JSON', 'package.json cannot be used'],
  ])('is not given to %s', async (text, sentence) => {
    const path = build();
    writeFileSync(join(path, 'package.json'), text);
    await expect(identify(path)).rejects.toThrow(sentence);
  });

  it.each(['dist', 'native'])('is not given to what has a link below %s', async (below) => {
    const path = build();
    const elsewhere = join(folder(), 'elsewhere.js');
    writeFileSync(elsewhere, '');
    mkdirSync(join(path, below, 'deep'), { recursive: true });
    symlinkSync(elsewhere, join(path, below, 'deep', 'linked.js'));
    await expect(identify(path)).rejects.toThrow(`${below}/deep/linked.js is no regular file`);
  });

  it('is not given to what was not built', async () => {
    const path = build();
    rmSync(join(path, 'dist', 'src', 'cli', 'main.js'));
    await expect(identify(path)).rejects.toThrow('is missing');
  });
});

describe('the files of releases', () => {
  it('are read as they were written', async () => {
    const files = releaseFiles(folder());
    expect(await readRecord(files)).toBeUndefined();
    expect(await readReleases(files)).toEqual([]);
    const record = {
      ...firstRecord(),
      fallback: 'second',
      isTrial: true,
      rollout: { id: 3, epoch: 4 },
    };
    await writeRecord(files, record);
    expect(await readRecord(files)).toEqual(record);
    const releases = [known('2.1.0+abc', '/some/where')];
    await writeReleases(files, releases);
    expect(await readReleases(files)).toEqual(releases);
  });

  it('hold as much of a reason as is read again', async () => {
    const files = releaseFiles(folder());
    const reason = 'x'.repeat(REASON_CHARACTERS_MAX + 1);
    await writeRecord(files, {
      ...firstRecord(),
      failed: { release: 'b', reason, rollout: null },
    });
    expect((await readRecord(files))?.failed?.reason).toBe(reason.slice(1));
  });

  /** The bytes of version 1: what is on disks has to be read by every later release. */
  it('have the form of version 1', async () => {
    const files = releaseFiles(folder());
    await writeRecord(files, firstRecord('2.1.0+abc'));
    expect(readFileSync(files.record, 'utf8')).toBe(
      '{\n  "formatVersion": 1,\n  "current": "2.1.0+abc",\n  "fallback": null,\n' +
        '  "isTrial": false,\n  "rollout": null,\n  "failed": null\n}\n',
    );
  });

  it.each([
    ['not JSON', 'is not JSON'],
    ['{"formatVersion":2}', 'written by a newer agentic-flow'],
    ['{"formatVersion":1,"current":""}', 'is damaged'],
    [
      '{"formatVersion":1,"current":"a","fallback":null,"isTrial":true,"rollout":null,"failed":null}',
      'has a fallback',
    ],
    [' '.repeat(FILE_BYTES_MAX + 1), 'has more than'],
  ])('are refused when they hold %.40s', async (text, sentence) => {
    const files = releaseFiles(folder());
    writeFileSync(files.record, text);
    await expect(readRecord(files)).rejects.toThrow(sentence);
  });
});

describe('the releases that a node knows', () => {
  it('are those that say what they are', async () => {
    const files = releaseFiles(folder());
    await expect(addRelease(files, join(root, 'nowhere'))).rejects.toThrow('cannot be used');
    await expect(addRelease(files, build())).rejects.toThrow('does not run here');
    await expect(addRelease(files, build('console.log("hello");\n'))).rejects.toThrow(
      'does not say what it is',
    );
    const liar = { name: 'a', digest: 'b'.repeat(64), commandVersion: 5, channelVersion: 1 };
    const lying = build(`console.log('${JSON.stringify(liar)}');\n`);
    await expect(addRelease(files, lying)).rejects.toThrow('change meanwhile');
    expect(await readReleases(files)).toEqual([]);
  });

  it('are kept while they run or may have to run again', async () => {
    const files = releaseFiles(folder());
    await writeReleases(
      files,
      ['one', 'two', 'three'].map((name) => known(name, `/${name}`)),
    );
    await writeRecord(files, { ...firstRecord('one'), fallback: 'two' });
    await expect(removeRelease(files, 'one')).rejects.toThrow('is the release that runs here');
    await expect(removeRelease(files, 'two')).rejects.toThrow('may have to go back to two');
    await expect(removeRelease(files, 'four')).rejects.toThrow('knows no release four (but one,');
    await removeRelease(files, 'three');
    expect((await readReleases(files)).map(({ name }) => name)).toEqual(['one', 'two']);
  });
});

describe('a release that was built again in its folder', () => {
  it('is not added while the one before runs from there, or may have to run again', async () => {
    const files = releaseFiles(folder());
    const rebuilt = build(
      `import { identify } from ${JSON.stringify(IDENTITY)};
       const said = { ...(await identify(process.argv[1].replace(${JSON.stringify(MAIN)}, ''))) };
       console.log(JSON.stringify({ ...said, commandVersion: 5, channelVersion: 1 }));`,
      'module',
    );
    const before = known('before', rebuilt);
    await writeReleases(files, [before]);
    for (const record of [
      firstRecord('before'),
      { ...firstRecord('other'), fallback: 'before' },
    ] as const) {
      await writeRecord(files, record);
      await expect(addRelease(files, rebuilt)).rejects.toThrow('before is needed still');
      expect(await readReleases(files)).toEqual([before]);
    }
    await writeRecord(files, firstRecord('other'));
    const added = await addRelease(files, rebuilt);
    expect(await readReleases(files)).toEqual([added]);
  });
});

describe('the control socket', () => {
  async function listening(directory: string, handle: (asked: ControlRequest) => Promise<unknown>) {
    const files = releaseFiles(directory);
    await makeSupervisorFolder(files);
    return { files, socket: await ControlSocket.listen(files.socket, handle) };
  }

  it('answers, is its owner’s alone, and is gone afterwards', async () => {
    const { files, socket } = await listening(folder(), async (asked) => ({ asked: asked.type }));
    expect(statSync(files.socket).mode & 0o777).toBe(0o600);
    expect(await askSupervisor(files.socket, { type: 'status' })).toEqual({ asked: 'status' });
    await socket.close();
    await expect(askSupervisor(files.socket, { type: 'status' })).rejects.toThrow(
      'no supervisor answers',
    );
  });

  it('passes a refusal on', async () => {
    const { files, socket } = await listening(folder(), async () => {
      throw new Error('not today');
    });
    const asked = askSupervisor(files.socket, { type: 'use', release: 'x' });
    await expect(asked).rejects.toMatchObject({ code: 'refused', message: 'not today' });
    await socket.close();
  });

  it('works where the path is too long for a socket', async () => {
    const deep = join(folder(), 'd'.repeat(120));
    mkdirSync(deep);
    const { files, socket } = await listening(deep, async () => 'heard');
    expect(await askSupervisor(files.socket, { type: 'status' })).toBe('heard');
    await socket.close();
  });

  it.each([
    ['no JSON\n', /JSON/],
    ['{"version":2,"request":{"type":"status"}}\n', /does not know this request/],
    ['{"version":1,"request":{"type":"explode"}}\n', /does not know this request/],
    ['x'.repeat(70_000), /too long/],
  ])('says no to %.30s', async (text, sentence) => {
    const { files, socket } = await listening(folder(), async () => 'never');
    const said = await new Promise<string>((resolve, reject) => {
      const connection = createConnection(files.socket, () => connection.write(text));
      let all = '';
      connection.on('data', (chunk) => (all += chunk.toString()));
      connection.once('end', () => resolve(all));
      connection.once('error', reject);
    });
    expect(said).toMatch(sentence);
    await socket.close();
  });
});

describe('messages between a supervisor and its processes', () => {
  it('say whether any release would have ended so', async () => {
    const sent: unknown[] = [];
    const child = new SupervisedChild({
      connected: true,
      send: (message, done) => {
        sent.push(message);
        done?.(null);
        return true;
      },
      on: () => undefined,
      once: () => undefined,
    });
    await child.failed(new RpcError('unavailable', 'taken', { reason: 'address-in-use' }), false);
    await child.failed(new StorageError('disk-full', 'full', { path: '/p' }), false);
    await child.failed(new Error('it', { cause: new StorageError('locked', 'l', {}) }), false);
    await child.failed(new NodeError('refused', 'it is broken'), false);
    const heard = sent.map((message) => fromChild.parse(message));
    expect(heard.map((each) => 'isOfPlace' in each && each.isOfPlace)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    // A release before does not say it.
    const former = { type: 'failed', reason: 'why', isFinal: false };
    expect(fromChild.parse(former)).toEqual({ ...former, isOfPlace: false });
  });

  it('are passed over when their type is not known, and may have more fields', () => {
    expect(fromChild.safeParse({ type: 'sing' }).success).toBe(false);
    expect(fromSupervisor.safeParse('drain').success).toBe(false);
    const more = fromSupervisor.safeParse({ type: 'drain', isHandOver: true, tune: 'a' });
    expect(more.data).toEqual({ type: 'drain', isHandOver: true });
  });
});
