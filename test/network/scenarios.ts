import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionStats } from '../../transport/quic/index.js';
import { BAD_PATH, clean, HEADER_BYTES, WORST_PATH } from './impairment.js';
import { Lab, LEFT, LEFT_SECOND, type LabOptions } from './lab.js';
import type { Percentiles } from './peer.js';

const MEGABYTE = 1_000_000;
/** How long a path is filled for each row of the table. */
const BULK_MS = 8_000;
/** For the last call of such a row. */
const BUSY_MS_MAX = 30_000;
/** For a transfer on a bad path; a loss-based control needs a minute for some megabytes. */
const TRANSFER_MS_MAX = 150_000;

/** Each returns what it measured, as text, and throws when something is not as it must be. */
export const scenarios: Readonly<Record<string, (seed: number) => Promise<string>>> = {
  'cables of 1,280, 1,500 and 9,000 bytes': differentMtus,
  'a bad path: transfers both ways and calls': badPath,
  'a partition of 3 seconds heals': partition,
  'a router that changes its source port in mid-transfer': rebinding,
  'a node that changes its address while 20 streams are open': migration,
  'bbr, cubic and reno on the bad path': congestionControls,
};

async function withLab(
  options: Partial<LabOptions>,
  seed: number,
  run: (lab: Lab) => Promise<string>,
): Promise<string> {
  const lab = await Lab.open({
    mtuBytes: 1_500,
    policy: clean(1_500),
    congestionControl: 'bbr',
    seed,
    ...options,
  });
  const stop = (): void => {
    lab.close();
    process.exit(1);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    return await run(lab);
  } finally {
    lab.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

async function differentMtus(seed: number): Promise<string> {
  const lines: string[] = [];
  for (const mtuBytes of [1_280, 1_500, 9_000]) {
    const line = await withLab({ mtuBytes, policy: clean(mtuBytes) }, seed, async (lab) => {
      const bytes = 8 * MEGABYTE;
      const upMs = await lab.left.call<number>('upload', { bytes, streams: 1, seed });
      const downMs = await lab.left.call<number>('download', { bytes, streams: 1, seed });
      const times = await lab.left.call<Percentiles>('call', { count: 100, bytes: 64 });
      const { packetBytes } = await lab.left.call<ConnectionStats>('stats');
      assert(
        packetBytes + HEADER_BYTES <= mtuBytes,
        `packets of ${packetBytes} bytes do not fit a path of ${mtuBytes}`,
      );
      const speed = (ms: number): string => `${(bytes / 1e3 / ms).toFixed(1)} MB/s`;
      return (
        `${mtuBytes} bytes: packets of ${packetBytes}, 8 MB up at ${speed(upMs)}, down at ` +
        `${speed(downMs)}, calls ${format(times)}`
      );
    });
    lines.push(line);
  }
  return lines.join('\n');
}

function badPath(seed: number): Promise<string> {
  return withLab({ policy: BAD_PATH }, seed, async (lab) => {
    const params = { bytes: 3 * MEGABYTE, streams: 1, seed };
    const upMs = await lab.left.call<number>('upload', params, TRANSFER_MS_MAX);
    const downMs = await lab.left.call<number>('download', params, TRANSFER_MS_MAX);
    const small = await lab.left.call<Percentiles>('call', { count: 50, bytes: 64 });
    const large = await lab.left.call<Percentiles>('call', { count: 5, bytes: 100_000 });
    const speed = (ms: number): string => `${((params.bytes * 8) / 1e3 / ms).toFixed(2)} Mbit/s`;
    return [
      `impaired by ${lab.impairedBy}: loss 5 %, 50 ms +- 10 ms each way, 2 % reordered, ` +
        `1 % doubled, 10 Mbit/s, queue of 100 ms`,
      `3 MB up at ${speed(upMs)}, 3 MB down at ${speed(downMs)}, checksums right`,
      `calls of 64 bytes: ${format(small)}; of 100 KB: ${format(large)}`,
      `counts of the relay, up and down: ${JSON.stringify(await lab.relay.call('counts'))}`,
    ].join('\n');
  });
}

function partition(seed: number): Promise<string> {
  return withLab({ policy: BAD_PATH }, seed, async (lab) => {
    const params = { bytes: 2 * MEGABYTE, streams: 1, seed };
    const transfer = lab.left.call<number>('download', params, TRANSFER_MS_MAX);
    await until(async () => (await lab.left.call<number>('progress')) > MEGABYTE / 2, transfer);
    await lab.relay.call('cut', { isCut: true });
    const before = await lab.left.call<number>('progress');
    await sleep(3_000);
    const after = await lab.left.call<number>('progress');
    await lab.relay.call('cut', { isCut: false });
    const healedMs = performance.now();
    const { longestMs } = await lab.left.call<Percentiles>('call', { count: 1, bytes: 64 });
    const ms = await transfer;
    assert(after - before < MEGABYTE, 'the partition let nothing through but what was queued');
    assert.deepEqual(await lab.left.call('state'), { isOpen: true });
    return (
      `${after - before} bytes came during the partition; the first call after it took ` +
      `${longestMs.toFixed(0)} ms, the transfer ended ${(performance.now() - healedMs).toFixed(0)} ` +
      `ms after it (${ms.toFixed(0)} ms in all), its checksum right, both connections open`
    );
  });
}

function rebinding(seed: number): Promise<string> {
  return withLab({ policy: BAD_PATH }, seed, async (lab) => {
    const params = { bytes: 1.5 * MEGABYTE, streams: 1, seed };
    const transfer = lab.left.call<number>('download', params, TRANSFER_MS_MAX);
    for (const part of [0.25, 0.5]) {
      const bytes = params.bytes * part;
      await until(async () => (await lab.left.call<number>('progress')) > bytes, transfer);
      await lab.relay.call('rebind');
    }
    const ms = await transfer;
    const upload = lab.left.call<number>('upload', params, TRANSFER_MS_MAX);
    await sleep(500);
    await lab.relay.call('rebind');
    const times = await lab.left.call<Percentiles>('call', { count: 10, bytes: 64 });
    const upMs = await upload;
    assert.deepEqual(await lab.left.call('state'), { isOpen: true });
    return (
      `1.5 MB down with two changes in ${ms.toFixed(0)} ms, as much up with one in ` +
      `${upMs.toFixed(0)} ms, checksums right; calls beside it: ${format(times)}`
    );
  });
}

function migration(seed: number): Promise<string> {
  return withLab({ policy: BAD_PATH }, seed, async (lab) => {
    const params = { bytes: 75_000, streams: 20, seed };
    const allBytes = params.bytes * params.streams;
    const transfer = lab.left.call<number>('download', params, TRANSFER_MS_MAX);
    await until(async () => (await lab.left.call<number>('progress')) > allBytes / 4, transfer);
    const startedMs = performance.now();
    await lab.left.call('migrate', { host: LEFT_SECOND });
    const migratedMs = performance.now() - startedMs;
    const atMigration = await lab.left.call<number>('progress');
    assert(atMigration < allBytes, 'streams are open when the address changes');
    lab.network.removeAddress('left', LEFT);
    const ms = await transfer;
    const more = { ...params, seed: seed + 100 };
    const again = await lab.left.call<number>('upload', more, TRANSFER_MS_MAX);
    return (
      `moved in ${migratedMs.toFixed(0)} ms after ${atMigration} of ${allBytes} bytes; the old ` +
      `address was taken away; all 20 streams whole ${ms.toFixed(0)} ms after they began, 20 more ` +
      `up in ${again.toFixed(0)} ms`
    );
  });
}

type Busy = Percentiles & { readonly megabitsPerSecond: number };

async function congestionControls(seed: number): Promise<string> {
  const lines = ['                    goodput       calls of 64 bytes during bulk'];
  for (const [name, policy] of [
    ['bad', BAD_PATH],
    ['as netem', WORST_PATH],
  ] as const) {
    for (const congestionControl of ['bbr', 'cubic', 'reno'] as const) {
      const row = `${name.padEnd(8)}  ${congestionControl.padEnd(5)}`;
      const line = await withLab({ policy, congestionControl }, seed, async (lab) => {
        const idle = await lab.left.call<Percentiles>('call', { count: 20, bytes: 64 });
        const params = { durationMs: BULK_MS, seed };
        const busy = await lab.left.call<Busy>('callDuringBulk', params, BUSY_MS_MAX);
        const speed = busy.megabitsPerSecond.toFixed(2).padStart(5);
        return `${row}  ${speed} Mbit/s  ${format(busy)} (alone: ${format(idle)})`;
      });
      lines.push(line);
    }
  }
  return lines.join('\n');
}

function format({ count, p50Ms, p99Ms, longestMs }: Percentiles): string {
  const times = [p50Ms, p99Ms, longestMs].map((ms) => ms.toFixed(1)).join(', ');
  return `p50, p99 and longest of ${count}: ${times} ms`;
}

/** Looks often; fails with what fails meanwhile, or after a minute. */
async function until(isTrue: () => Promise<boolean>, meanwhile: Promise<unknown>): Promise<void> {
  let failure: unknown;
  meanwhile.catch((error: unknown) => {
    failure = error ?? new Error('it failed');
  });
  const untilMs = performance.now() + 60_000;
  while (!(await isTrue())) {
    if (failure !== undefined) throw failure;
    assert(performance.now() < untilMs, 'it happens within a minute');
    await sleep(20);
  }
}
