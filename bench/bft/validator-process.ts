/** A validator in a process of its own, and its clients. Times are of its own clock. */
import { randomBytes } from 'node:crypto';
import { openValidator, type Validator } from '../../nodes/bft/index.js';
import { Collecting } from '../../nodes/bft/parts/collecting.js';
import { Peers } from '../../nodes/bft/peers.js';
import { identityFromPrivateKey } from '../../transport/identity/index.js';
import type { PeerEndpoint } from '../../transport/rpc/rpc.js';
import { type PlainGenesis, readPlainGenesis } from '../../test/nodes/bft/plain-genesis.js';
import { answerParent } from '../transport/child.js';

/** Bytes of a command. */
const COMMAND_BYTES = 1_024;

/** What the parent asks. */
export type BftRequest =
  | {
      readonly do: 'start';
      readonly directory: string;
      readonly privateKeyPem: string;
      readonly genesis: PlainGenesis;
      /** All parts of a value are taken from its proposer, as if it sent it whole to each. */
      readonly isWhole: boolean;
    }
  /** Commands of so many bytes, all at once; answered with the milliseconds until they are decided. */
  | { readonly do: 'large'; readonly bytes: readonly number[] }
  /** Commands one after the other; answered with the milliseconds of each. */
  | { readonly do: 'alone'; readonly count: number }
  /** So many commands in flight for a time; answered with a `LoadReport`. */
  | { readonly do: 'many'; readonly inFlight: number; readonly durationMs: number }
  | { readonly do: 'status' };

/** Answers `status`. */
export interface StatusReport {
  readonly height: number;
  readonly peersUp: number;
  /** Processor time of the process so far, clients included. */
  readonly cpuMicroseconds: number;
  /** UDP payload of all connections so far. */
  readonly sentBytes: number;
}

/** What one validator and its clients got done. */
export interface LoadReport {
  /** Commands of this validator that were decided and applied here. */
  readonly commands: number;
  readonly ms: number;
}

let validator: Validator | undefined;
let endpoint: PeerEndpoint | undefined;

const MINUTE_MS = 60_000;
const { open } = Peers.prototype;
Peers.prototype.open = function (this: Peers, opened): void {
  endpoint = opened;
  open.call(this, opened);
};

/** Nobody passes parts on: who wants some takes them from the proposer, all of them at once. */
function takeWhole(): void {
  const { next } = Collecting.prototype;
  Collecting.prototype.told = () => {};
  Collecting.prototype.next = function (this: Collecting, nowMs) {
    return next.call(this, nowMs + MINUTE_MS);
  };
}

async function large(bytes: readonly number[]): Promise<number> {
  const commands = bytes.map((each) => randomBytes(each));
  const startedMs = performance.now();
  await Promise.all(commands.map((command) => running().submit(command)));
  return performance.now() - startedMs;
}

function running(): Validator {
  if (validator === undefined) throw new Error('start comes first');
  return validator;
}

function fail(error: Error): void {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

async function alone(count: number): Promise<number[]> {
  const ms: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const command = randomBytes(COMMAND_BYTES);
    const startedMs = performance.now();
    await running().submit(command);
    ms.push(performance.now() - startedMs);
  }
  return ms;
}

async function many(inFlight: number, durationMs: number): Promise<LoadReport> {
  const startedMs = performance.now();
  let commands = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < startedMs + durationMs) {
      await running().submit(randomBytes(COMMAND_BYTES));
      commands += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  return { commands, ms: performance.now() - startedMs };
}

answerParent(async (asked) => {
  const request = asked as BftRequest;
  switch (request.do) {
    case 'start':
      if (request.isWhole) takeWhole();
      validator = await openValidator({
        directory: request.directory,
        identity: identityFromPrivateKey(request.privateKeyPem),
        genesis: readPlainGenesis(request.genesis),
        apply: () => {},
        onFailed: fail,
      });
      return undefined;
    case 'alone':
      return alone(request.count);
    case 'large':
      return large(request.bytes);
    case 'many':
      return many(request.inFlight, request.durationMs);
    case 'status': {
      const { height, peersUp } = running().status();
      const { user, system } = process.cpuUsage();
      const connections = [...(endpoint?.connections() ?? [])];
      const sentBytes = connections.reduce((sum, each) => sum + each.stats().sentBytes, 0);
      return { height, peersUp, cpuMicroseconds: user + system, sentBytes } satisfies StatusReport;
    }
  }
});
