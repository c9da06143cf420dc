import { PAYLOAD_BYTES, type Client, type Resumption, type Step, type StepResult } from './link.js';

const CALLS_IN_FLIGHT = 64;
const HANDSHAKES_IN_FLIGHT = 8;
const RESUMPTIONS = 400;

/** Runs one step on a client; undefined when its transport does not offer it. */
export async function measure(client: Client, step: Step): Promise<StepResult | undefined> {
  switch (step.name) {
    case 'calls-alone':
      return await measureCalls(client, step.durationMs, 1);
    case 'calls-64-in-flight':
      return await measureCalls(client, step.durationMs, CALLS_IN_FLIGHT);
    case 'bulk-1-stream':
      return await measureBulk(client, step.durationMs, 1);
    case 'bulk-8-streams':
      return await measureBulk(client, step.durationMs, 8);
    case 'handshakes-cold':
      return await measureHandshakes(client, step.durationMs);
    case 'handshakes-resumed':
      return await measureResumption(client, step.durationMs);
  }
}

async function measureCalls(
  client: Client,
  durationMs: number,
  inFlight: number,
): Promise<StepResult> {
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(7);
  const latenciesMs: number[] = [];
  return await timed(async (startedMs) => {
    const untilMs = startedMs + durationMs;
    const callOn = async (): Promise<void> => {
      for (let now = performance.now(); now < untilMs;) {
        await checkedEcho(client, payload);
        const after = performance.now();
        latenciesMs.push(after - now);
        now = after;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, callOn));
    return latenciesMs.length;
  }, latenciesMs);
}

async function measureBulk(
  client: Client,
  durationMs: number,
  streams: number,
): Promise<StepResult | undefined> {
  if (client.bulk === undefined || streams > (client.bulkStreamsMax ?? streams)) return undefined;
  return await timed(async (startedMs) => {
    const untilMs = startedMs + durationMs;
    const received = await Promise.all(
      Array.from({ length: streams }, () => client.bulk!(untilMs)),
    );
    if (!received.every((bytes) => bytes > 0)) throw new Error('a stream delivered nothing');
    return received.reduce((sum, bytes) => sum + bytes, 0);
  });
}

async function measureHandshakes(
  client: Client,
  durationMs: number,
): Promise<StepResult | undefined> {
  if (client.handshake === undefined) return undefined;
  return await timed(async (startedMs) => {
    let count = 0;
    const connectOn = async (): Promise<void> => {
      while (performance.now() < startedMs + durationMs) {
        await client.handshake!();
        count += 1;
      }
    };
    await Promise.all(Array.from({ length: HANDSHAKES_IN_FLIGHT }, connectOn));
    return count;
  });
}

async function measureResumption(
  client: Client,
  durationMs: number,
): Promise<StepResult | undefined> {
  if (client.resume === undefined) return undefined;
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(7);
  await client.prepareResume?.(RESUMPTIONS);
  const counts: Record<Resumption, number> = { early: 0, resumed: 0, full: 0 };
  const result = await timed(async (startedMs) => {
    let begun = 0;
    const resumeOn = async (): Promise<void> => {
      while (begun < RESUMPTIONS && performance.now() < startedMs + durationMs) {
        begun += 1;
        counts[await client.resume!(payload)] += 1;
      }
    };
    await Promise.all(Array.from({ length: HANDSHAKES_IN_FLIGHT }, resumeOn));
    return begun;
  });
  // A number that is mostly full handshakes would be called resumption without being it.
  if (counts.full * 100 > result.count) return undefined;
  return { ...result, earlyShare: counts.early / result.count };
}

async function timed(
  run: (startedMs: number) => Promise<number>,
  latenciesMs?: readonly number[],
): Promise<StepResult> {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const count = await run(startedMs);
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const latenciesMicroseconds = latenciesMs === undefined ? undefined : percentiles(latenciesMs);
  return { count, seconds, latenciesMicroseconds, cpuMicroseconds: user + system };
}

function percentiles(latenciesMs: readonly number[]): { p50: number; p99: number } {
  const sorted = Float64Array.from(latenciesMs).sort();
  const at = (share: number): number =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 1000;
  return { p50: at(0.5), p99: at(0.99) };
}

async function checkedEcho(client: Client, payload: Uint8Array): Promise<void> {
  const answer = await client.echo(payload);
  if (answer.length !== payload.length || answer[0] !== payload[0]) {
    throw new Error(`${answer.length} other bytes came back`);
  }
}
