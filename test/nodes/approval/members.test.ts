/**
 * Members of one swarm that approve over a network which loses messages, with one that is faulty:
 *
 *   silent       never answers
 *   for all      approves whatever anybody asks for
 *   two faces    is two processes with one key, which tell each half something else (Twins)
 *   forger       shows certificates that it made itself
 *
 * Partitions and crashes come and go while operators approve. What is checked: the swarm approves one
 * plan at most, none that only the faulty one wants, and in the end the one that the correct ones want;
 * and whatever a faulty leader makes of the certificate in the entry, no correct member acts without it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { encodeAnswer } from '../../../nodes/approval/messages.js';
import { NodeApprovals } from '../../../nodes/approval/node-approvals.js';
import type { ApprovalValue } from '../../../nodes/approval/value.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { startRollout } from '../../../nodes/rollout/machine.js';
import type { Rollout } from '../../../nodes/rollout/state.js';
import { RandomStream } from '../../../sim/world/index.js';
import { sleep, until } from '../../waiting.js';
import { SWARM, certificateOf, fixedIdentities, stateOf, valueOf } from './approving.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`approving members: SEED=${seed}`);

const MEMBERS = 4;
const PACE = {
  timeoutsMs: { propose: 60, prevote: 40, precommit: 40, growth: 30 },
  beatMs: 30,
};
const identities = fixedIdentities(MEMBERS);
const WANTED = valueOf(MEMBERS);
const EVIL = valueOf(MEMBERS, { soakMs: 666 });
/** The faulty member is the last one. */
const FAULTY = MEMBERS;
const FAULTS = ['silent', 'for all', 'two faces', 'forger'] as const;
type Fault = (typeof FAULTS)[number];

interface Process {
  readonly nodeId: number;
  readonly directory: string;
  approvals: NodeApprovals | null;
  /** Whom it speaks to; everybody when null. Of the two faces each has its half. */
  readonly audience: ReadonlySet<number> | null;
}

/** All processes of a swarm in one, with links that break. */
class Swarm {
  readonly root = mkdtempSync(join(tmpdir(), 'approving-'));
  readonly control: ControlState = stateOf(MEMBERS);
  readonly processes: Process[] = [];
  /** Members between which nothing goes through, as `a b`. */
  readonly cut = new Set<string>();
  lossShare = 0;

  constructor(
    readonly random: () => number,
    readonly fault: Fault,
  ) {
    for (let nodeId = 1; nodeId < FAULTY; nodeId += 1) this.#add(nodeId, String(nodeId), null);
    const faces = fault === 'two faces' ? [[1, 2], [3]] : fault === 'for all' ? [null] : [];
    for (const [at, face] of faces.entries()) {
      this.#add(FAULTY, `${FAULTY}-${at}`, face === null ? null : new Set(face));
    }
  }

  get correct(): Process[] {
    return this.processes.filter(({ nodeId }) => nodeId !== FAULTY);
  }

  #add(nodeId: number, name: string, audience: Process['audience']): void {
    const directory = join(this.root, name);
    this.processes.push({ nodeId, directory, approvals: null, audience });
  }

  async start(process: Process): Promise<void> {
    const { nodeId, directory } = process;
    const self = { nodeId, swarmId: SWARM };
    const approvals = await NodeApprovals.open(directory, self, () => undefined, PACE);
    approvals.begin(
      {
        control: this.control,
        releases: undefined,
        peers: {
          tell: (to, _via, _method, bytes) => {
            for (const other of this.#reached(process, to)) {
              setTimeout(() => this.#tell(process, other, bytes), this.random() * 5);
            }
          },
          call: async (to, method, payload) => {
            await sleep(this.random() * 5);
            const other = this.#reached(process, to)[0];
            if (other === undefined) throw new Error('not reached');
            return this.#answer(process, other, method, payload as Uint8Array);
          },
        },
      },
      identities[nodeId - 1]!,
    );
    process.approvals = approvals;
  }

  /** As by SIGKILL, but that what is being written ends: the files are as after a crash between writes. */
  async stop(process: Process): Promise<void> {
    const { approvals } = process;
    process.approvals = null;
    await approvals?.close();
  }

  async end(): Promise<void> {
    for (const process of this.processes) await this.stop(process);
    rmSync(this.root, { recursive: true });
  }

  heal(): void {
    this.cut.clear();
    this.lossShare = 0;
  }

  #reached(from: Process, to: number): Process[] {
    const pair = [from.nodeId, to].toSorted().join(' ');
    if (this.cut.has(pair) || this.random() < this.lossShare || from.approvals === null) return [];
    if (from.audience !== null && !from.audience.has(to)) return [];
    return this.processes.filter(({ nodeId, approvals, audience }) => {
      return nodeId === to && approvals !== null && (audience?.has(from.nodeId) ?? true);
    });
  }

  #tell(from: Process, to: Process, bytes: Uint8Array): void {
    to.approvals?.onMessage(identities[from.nodeId - 1]!.peerId, bytes);
  }

  async #answer(from: Process, to: Process, method: string, bytes: Uint8Array): Promise<unknown> {
    const peer = identities[from.nodeId - 1]!.peerId;
    if (to.approvals === null) throw new Error('not reached');
    if (method === 'approval.question') return to.approvals.onQuestion(peer, bytes);
    return to.approvals.onRequest(peer, bytes);
  }
}

/** Asks as `rollout start` does, once: own node, then the others. */
async function askAll(
  swarm: Swarm,
  process: Process,
  value: ApprovalValue,
): Promise<Uint8Array | null> {
  const { approvals } = process;
  if (approvals === null) return null;
  const own = await approvals.propose(value).catch(() => null);
  const answers = [own];
  for (let nodeId = 1; nodeId <= MEMBERS; nodeId += 1) {
    if (nodeId === process.nodeId) continue;
    answers.push(await approvals.ask(nodeId, value).catch(() => null));
  }
  if (swarm.fault === 'forger') {
    const [certificate] = forgeries(value);
    answers.unshift({ state: 'decided', reason: '', certificate: certificate! });
    expect(encodeAnswer(answers[0]!).length).toBeGreaterThan(0);
  }
  for (const answer of answers) {
    const certificate = answer?.certificate ?? null;
    if (certificate === null) continue;
    try {
      approvals.verify(certificate);
      return certificate;
    } catch {
      // Somebody made it up.
    }
  }
  return null;
}

/** What the faulty member can make by itself. */
function forgeries(value: ApprovalValue): Uint8Array[] {
  const faulty = identities[FAULTY - 1]!;
  return [
    certificateOf({ members: identities, value, signer: () => faulty, proposer: faulty.peerId }),
    certificateOf({ members: identities, value, voters: [faulty, faulty, faulty] }),
    certificateOf({ members: identities, value, signer: () => faulty }),
    new Uint8Array([1, 2, 3]),
  ];
}

async function disturb(swarm: Swarm): Promise<void> {
  const { random } = swarm;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const kind = random();
  if (kind < 0.4) {
    const pair = [pick([1, 2, 3, 4]), pick([1, 2, 3, 4])].toSorted().join(' ');
    if (swarm.cut.has(pair)) swarm.cut.delete(pair);
    else swarm.cut.add(pair);
  } else if (kind < 0.6) {
    swarm.lossShare = random() * 0.5;
  } else {
    const process = pick(swarm.processes);
    if (process.approvals === null) await swarm.start(process);
    else await swarm.stop(process);
  }
}

async function run(random: () => number, fault: Fault): Promise<void> {
  const swarm = new Swarm(random, fault);
  const certificates: Uint8Array[] = [];
  const note = (certificate: Uint8Array | null): void => {
    if (certificate !== null) certificates.push(certificate);
  };
  try {
    for (const process of swarm.processes) await swarm.start(process);
    for (const { nodeId, approvals } of swarm.processes) {
      if (nodeId === FAULTY) await approvals?.configure({ policy: 'any' });
    }
    const operators = swarm.correct.map((process) => ({ process, atTurn: random() * 8 }));
    for (let turn = 0; turn < 12; turn += 1) {
      for (const { process, atTurn } of operators) {
        if (turn >= atTurn) await process.approvals?.allow(WANTED.digest);
      }
      await disturb(swarm);
      for (const process of swarm.processes) {
        if (random() < 0.4) continue;
        const isEvil = process.nodeId === FAULTY || random() < 0.3;
        note(await askAll(swarm, process, isEvil ? EVIL : WANTED));
      }
      await sleep(random() * 60);
    }
    swarm.heal();
    for (const process of swarm.correct) {
      if (process.approvals === null) await swarm.start(process);
      await process.approvals!.allow(WANTED.digest);
    }
    const [asking] = swarm.correct;
    const certificate = await until('the members have approved', () =>
      askAll(swarm, asking!, WANTED),
    );
    note(certificate);
    for (const each of certificates) {
      expect(asking!.approvals!.verify(each).digest).toBe(WANTED.digest);
    }
    await leaderLies(swarm, certificate);
  } finally {
    await swarm.end();
  }
}

/** What a leader that is faulty can write into the log, instead of what was approved. */
async function leaderLies(swarm: Swarm, certificate: Uint8Array): Promise<void> {
  const rolloutOf = (value: ApprovalValue, approval?: Uint8Array, after = 0): Rollout => {
    const rollout = startRollout(5, value.plan, value.digest, 0, 0);
    if (approval === undefined) return rollout;
    return { ...rollout, approval: { after, certificate: approval } };
  };
  const changed = certificate.slice();
  changed[Math.floor(swarm.random() * changed.length)]! ^= 0xff;
  const lies = [
    rolloutOf(WANTED),
    rolloutOf(EVIL),
    rolloutOf(EVIL, certificate),
    rolloutOf(WANTED, certificate, 3),
    rolloutOf(WANTED, changed),
    ...forgeries(EVIL).map((each) => rolloutOf(EVIL, each)),
    ...forgeries(WANTED).map((each) => rolloutOf(WANTED, each)),
  ];
  const truth = rolloutOf(WANTED, certificate);
  for (const { approvals } of swarm.correct) await approvals!.configure({ required: true });
  for (const process of swarm.correct) {
    for (const lie of lies) {
      // Each is what this node hears first: what it has found of a rollout stays so.
      await process.approvals!.configure({ required: true });
      swarm.control.rollout = lie;
      await expect(process.approvals!.requireApproved(lie)).rejects.toThrow();
      expect(process.approvals!.hasRefused(lie)).toBe(true);
      expect(process.approvals!.holdsV1(onV2(swarm.control))).toBe(true);
    }
    await process.approvals!.configure({ required: true });
    swarm.control.rollout = truth;
    await process.approvals!.requireApproved(truth);
    expect(process.approvals!.holdsV1(onV2(swarm.control))).toBe(false);
  }
}

/** As if forged reports had said that every node has switched. */
function onV2(control: ControlState): ControlState {
  const members = [...control.members].map(
    ([id, each]) => [id, { ...each, engine: 'v2' }] as const,
  );
  return { ...control, members: new Map(members) };
}

describe('members of which one is faulty', () => {
  it.each(FAULTS)('%s: approve what the correct ones want, and nothing else', async (fault) => {
    const runs = Number(process.env['RUNS'] ?? 2);
    for (let at = 0; at < runs; at += 1) {
      const stream = new RandomStream(seed + at, fault);
      await run(() => stream.fraction(), fault);
    }
  });
});
