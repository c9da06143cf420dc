import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  BLOCK_BYTES_MAX,
  PREPARED_IDLE_MS_MAX,
  PREPARED_IDLE_MS_MIN,
} from '../../../nodes/snapshots/limits.js';
import type { Prepared } from '../../../nodes/snapshots/messages.js';
import { PreparedSnapshots } from '../../../nodes/snapshots/prepared.js';
import { RandomStream } from '../../../sim/world/random.js';
import type { RpcError } from '../../../transport/rpc/rpc.js';
import { State, scratch, seedOf, someRecords } from './support.js';

const random = new RandomStream(seedOf('prepared snapshots'), 'prepared');

class Source {
  readonly directory = scratch('outgoing');
  readonly state = new State(someRecords(600_000, random), 10);
  readonly logged: string[] = [];
  nowMs = 1_000;
  prepared = this.start();

  start(): PreparedSnapshots {
    return new PreparedSnapshots({
      directory: this.directory,
      view: () => this.state.view(),
      appliedIndex: () => this.state.index,
      bytesPerSecondMax: 5,
      log: (message) => this.logged.push(message),
      now: () => this.nowMs,
    });
  }

  async restart(): Promise<void> {
    await this.prepared.close();
    this.prepared = this.start();
  }

  async ready(leastIndex: number): Promise<NonNullable<Prepared['description']>> {
    for (;;) {
      const { description } = await this.prepared.prepare({
        leastIndex,
        id: null,
        isDamaged: false,
      });
      if (description !== null) return description;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

async function reason(work: Promise<unknown>): Promise<string | undefined> {
  const error = (await work.then(
    () => new Error('nothing thrown'),
    (thrown: unknown) => thrown,
  )) as RpcError;
  return error.reason ?? error.code ?? error.message;
}

describe('prepared snapshots', () => {
  it('are written once, for all who ask', async () => {
    const source = new Source();
    const first = await source.prepared.prepare({ leastIndex: 1, id: null, isDamaged: false });
    expect(first).toEqual({ state: 'preparing', description: null, bytesPerSecondMax: 5 });
    source.state.index = 20;
    const description = await source.ready(1);
    expect(description.index).toBe(10);
    expect(await source.ready(10)).toEqual(description);
    expect(source.state.openViews).toBe(0);
    const found = await source.prepared.prepare({
      leastIndex: 0,
      id: description.id,
      isDamaged: false,
    });
    expect(found.state).toBe('prepared');
    const other = await source.prepared.prepare({
      leastIndex: 0,
      id: 'f'.repeat(64),
      isDamaged: false,
    });
    expect(other.state).toBe('absent');
  });

  it('that are too old are not given', async () => {
    const source = new Source();
    await source.ready(1);
    expect(
      await reason(source.prepared.prepare({ leastIndex: 11, id: null, isDamaged: false })),
    ).toBe('snapshot-behind');
    source.state.index = 15;
    expect((await source.ready(11)).index).toBe(15);
  });

  it('can be read in any part and order, as often as wanted, and nothing beside them', async () => {
    const source = new Source();
    const { id, contentBytes, blocks } = await source.ready(1);
    const total = contentBytes + blocks * 36;
    const whole = await Promise.all(
      Array.from({ length: Math.ceil(total / 100_000) }, (_, at) => {
        const length = Math.min(100_000, total - at * 100_000);
        return source.prepared.read({ id, offset: at * 100_000, length });
      }),
    );
    const bytes = Buffer.concat(whole);
    expect(source.prepared.servedBytes).toBe(total);
    for (let round = 0; round < 50; round += 1) {
      const offset = random.integer(0, total - 1);
      const length = random.integer(1, Math.min(total - offset, BLOCK_BYTES_MAX));
      const part = await source.prepared.read({ id, offset, length });
      expect(bytes.subarray(offset, offset + length).equals(part)).toBe(true);
    }
    expect(await reason(source.prepared.read({ id, offset: total, length: 1 }))).toBe('malformed');
    expect(await reason(source.prepared.read({ id, offset: 2 ** 52, length: 1 }))).toBe(
      'malformed',
    );
    const unknown = { id: '0'.repeat(64), offset: 0, length: 1 };
    expect(await reason(source.prepared.read(unknown))).toBe('snapshot-unknown');
  });

  it('outlive the process; what was not finished or is damaged does not', async () => {
    const source = new Source();
    const description = await source.ready(1);
    writeFileSync(join(source.directory, 'being-written.unfinished'), 'half');
    writeFileSync(join(source.directory, `${'a'.repeat(64)}.snapshot`), 'no snapshot');
    mkdirSync(join(source.directory, 'folder'));
    await source.restart();
    source.state.index = 30;
    expect(await source.ready(1)).toEqual(description);
    expect(readdirSync(source.directory)).toEqual([`${description.id}.snapshot`]);
    await source.prepared.read({ id: description.id, offset: 0, length: 1 });
    truncateSync(join(source.directory, `${description.id}.snapshot`), 100_000);
    const late = { id: description.id, offset: 200_000, length: 1 };
    expect(await reason(source.prepared.read(late))).toBe('snapshot-unknown');
    await source.restart();
    expect((await source.ready(1)).index).toBe(30);
    expect(source.logged.filter((line) => line.startsWith('removing')).length).toBe(4);
  });

  it('are few: one that is being read is kept, one that is not makes room', async () => {
    const source = new Source();
    const first = await source.ready(1);
    source.state.index = 20;
    const second = await source.ready(11);
    source.state.index = 30;
    expect(
      await reason(source.prepared.prepare({ leastIndex: 21, id: null, isDamaged: false })),
    ).toBe('snapshot-busy');
    source.nowMs += PREPARED_IDLE_MS_MIN + 1;
    await source.prepared.read({ id: second.id, offset: 0, length: 1 });
    const third = await source.ready(21);
    expect(readdirSync(source.directory).sort()).toEqual(
      [second.id, third.id].map((id) => `${id}.snapshot`).sort(),
    );
    const gone = source.prepared.read({ id: first.id, offset: 0, length: 1 });
    expect(await reason(gone)).toBe('snapshot-unknown');
  });

  it('are checked when a reader says that they are damaged, and kept when they are not', async () => {
    const source = new Source();
    const { id, contentBytes } = await source.ready(1);
    const ask = { leastIndex: 1, id, isDamaged: true };
    expect((await source.prepared.prepare(ask)).state).toBe('prepared');
    const path = join(source.directory, `${id}.snapshot`);
    const file = openSync(path, 'r+');
    const at = random.integer(0, contentBytes - 1);
    const byte = (await source.prepared.read({ id, offset: at, length: 1 }))[0] ?? 0;
    writeSync(file, Buffer.from([byte ^ 1]), 0, 1, at);
    closeSync(file);
    expect((await source.prepared.prepare(ask)).state).toBe('absent');
    expect(existsSync(path)).toBe(false);
    // The state is the same, so is its name; the file is written again.
    expect((await source.ready(1)).id).toBe(id);
  });

  it('that nobody reads are removed', async () => {
    const source = new Source();
    const { id } = await source.ready(1);
    const path = join(source.directory, `${id}.snapshot`);
    source.nowMs += PREPARED_IDLE_MS_MAX;
    await source.prepared.sweep();
    expect(existsSync(path)).toBe(true);
    source.nowMs += 1;
    await source.prepared.sweep();
    expect(existsSync(path)).toBe(false);
  });

  it('that cannot be written are told to who asks, and begun again for the next', async () => {
    const source = new Source();
    const { records } = source.state;
    const view = source.state.view.bind(source.state);
    source.state.view = () => {
      const made = view();
      return { ...made, dump: { ...made.dump, records: () => failing(records) } };
    };
    await source.prepared.prepare({ leastIndex: 1, id: null, isDamaged: false });
    while (source.logged.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(
      await reason(source.prepared.prepare({ leastIndex: 1, id: null, isDamaged: false })),
    ).toBe('snapshot-failed');
    expect(readdirSync(source.directory)).toEqual([]);
    source.state.view = view;
    expect((await source.ready(1)).index).toBe(10);
    expect(source.state.openViews).toBe(0);
  });

  it('that are being written end with the node', async () => {
    const source = new Source();
    source.state.records = someRecords(20_000_000, random);
    await source.prepared.prepare({ leastIndex: 1, id: null, isDamaged: false });
    await source.prepared.close();
    expect(source.state.openViews).toBe(0);
    expect(readdirSync(source.directory)).toEqual([]);
    expect(source.logged).toEqual([]);
  });
});

function* failing<T>(records: readonly T[]): Generator<T> {
  yield* records.slice(0, 3);
  throw new Error('the store is damaged');
}
