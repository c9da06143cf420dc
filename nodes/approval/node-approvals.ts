/**
 * Approvals of one node. It votes for a plan only after it has checked by itself that the plan is one of
 * this swarm as it knows it, and that its own operator, or its policy, allows it; and it takes part in a
 * rollout only when it has checked the certificate by itself (`gate.ts`).
 *
 *   a plan is asked for --(its own check)--> waiting --(its operator)--> voting --> decided
 *                                '--> refused, with the reason
 */
import { join } from 'node:path';

import type { ValidatorId } from '../../consensus/bft/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { publicKeyOf } from '../bft/index.js';
import { startRefusal } from '../control-plane/apply-rollout.js';
import { type ControlState, memberByPeerId } from '../control-plane/state.js';
import { NodeError, messageOf } from '../errors.js';
import type { SwarmNode } from '../node.js';
import type { Rollout } from '../rollout/state.js';
import { refusalText } from '../service/refusals.js';
import { type ApprovalChain, approvalChain } from './chain.js';
import { requireMembers, verifyApproval } from './certificate.js';
import { approvalRefusal, needsNone } from './gate.js';
import { ASK_TIMEOUT_MS } from './limits.js';
import * as messages from './messages.js';
import type { ApprovalAnswer } from './messages.js';
import { type Proposal, Proposals, batchOf } from './proposals.js';
import { type ApprovalSettings, SettingsFile } from './settings.js';
import type { ApprovalValue } from './value.js';
import { ApprovalVoter, type VoterPace } from './voter.js';

/** What it needs of its node. */
export interface ApprovalHost {
  readonly control: ControlState;
  readonly peers: Pick<SwarmNode['peers'], 'call' | 'tell'>;
  readonly releases: Pick<NonNullable<SwarmNode['releases']>, 'find'> | undefined;
}

/** Which node of which swarm it is. */
type Self = Pick<SwarmNode['file'], 'nodeId' | 'swarmId'>;

/** What an operator says to one node, on that node. */
export interface ApprovalChange {
  readonly required?: boolean | undefined;
  readonly policy?: ApprovalSettings['policy'] | undefined;
  /** Trusts the members as they are now. */
  readonly trust?: boolean | undefined;
}

/** A voter with the only plan that it votes for. */
interface Voting {
  readonly voter: ApprovalVoter;
  readonly after: number;
  readonly digest: string;
}

/** See the head of this file. */
export class NodeApprovals {
  readonly #directory: string;
  readonly #self: Self;
  readonly #settings: SettingsFile;
  readonly #log: (line: string) => void;
  readonly #pace: VoterPace;
  readonly #proposals = new Proposals();
  #host!: ApprovalHost;
  #identity!: Identity;
  #voting: Voting | null = null;
  /** A disk failed: this node votes no more until it starts again. */
  #failure = '';
  /** Opening and closing of voters, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** Throws a `NodeError` when what the operator of this node said cannot be read. */
  static async open(
    directory: string,
    self: Self,
    log: (line: string) => void,
    pace: VoterPace = {},
  ): Promise<NodeApprovals> {
    const settings = await SettingsFile.open(join(directory, 'settings.json'));
    return new NodeApprovals(directory, self, settings, log, pace);
  }

  private constructor(
    directory: string,
    self: Self,
    settings: SettingsFile,
    log: (line: string) => void,
    pace: VoterPace,
  ) {
    this.#directory = directory;
    this.#self = self;
    this.#settings = settings;
    this.#log = log;
    this.#pace = pace;
  }

  /** The node has its peers. */
  begin(host: ApprovalHost, identity: Identity): void {
    this.#host = host;
    this.#identity = identity;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#inTurn(() => this.#stopVoting()).catch(() => undefined);
    await this.#settings.idle();
  }

  /** Whether the next rollout has to come with an approval, for this node to take part. */
  get isWanted(): boolean {
    const { requiredAfter, votedAfter } = this.#settings.value;
    return requiredAfter !== null || (votedAfter !== null && votedAfter <= this.#after);
  }

  /** Why this node takes no part in the rollout that is under way; empty when it does. */
  get refusal(): string {
    const { control } = this.#host;
    return control.rollout === null ? '' : (this.#judge(control.rollout, control) ?? '');
  }

  /** Fails, for good, unless this node may do a step of the rollout forward. */
  async requireApproved(rollout: Rollout): Promise<void> {
    const refusal = this.#judge(rollout, this.#host.control);
    await this.#settings.idle();
    if (refusal !== null) throw new NodeError('refused', refusal);
  }

  /** Whether this node has never moved in the rollout, and has nothing to go back from. */
  hasRefused(rollout: Rollout): boolean {
    return this.#judge(rollout, this.#host.control) !== null;
  }

  /** Whether this node stays on v1 though the log says otherwise: nobody has approved the way to v2. */
  holdsV1(control: ControlState): boolean {
    const { requiredAfter, mayRunV2 } = this.#settings.value;
    if (mayRunV2) return false;
    const { rollout } = control;
    if (rollout?.plan.kind === 'engine' && this.#judge(rollout, control) !== null) return true;
    // Judged in order just now, it may.
    return requiredAfter !== null && !this.#settings.value.mayRunV2;
  }

  /** Call whenever the replicated state has changed. */
  poke(): void {
    const { control } = this.#host;
    const { rollout } = control;
    if (rollout !== null) this.#judge(rollout, control);
    const isOnV1 = control.members.get(this.#self.nodeId)?.engine === 'v1';
    if (this.#settings.value.mayRunV2 && isOnV1 && rollout?.goal !== 'forward') {
      this.#change({ mayRunV2: false });
    }
    if (this.#voting === null || this.#voting.after >= this.#after) return;
    this.#inTurn(() => this.#stopVoting()).catch((error: unknown) => this.#log(messageOf(error)));
  }

  /** The operator of this node approves a plan as the next rollout, whether it is asked for yet or not. */
  async allow(digest: string): Promise<ApprovalAnswer> {
    const after = this.#after;
    await this.#settings.change({ allowed: { after, digest } });
    const proposal = this.#proposals.find(after, digest);
    if (proposal !== undefined) return this.#consider(proposal);
    return { state: 'waiting', reason: 'nobody has asked for this plan yet', certificate: null };
  }

  async configure({ required, policy, trust }: ApprovalChange): Promise<void> {
    const { value } = this.#settings;
    const turnsOn = required === true && value.requiredAfter === null;
    const isOnV2 = this.#host.control.members.get(this.#self.nodeId)?.engine === 'v2';
    const isToTrust = trust === true || (turnsOn && value.trusted === null);
    await this.#settings.change({
      ...(turnsOn ? { requiredAfter: this.#after } : {}),
      ...(policy === undefined ? {} : { policy }),
      ...(isToTrust ? { trusted: memberIds(this.#host.control) } : {}),
      ...(turnsOn && isOnV2 ? { mayRunV2: true } : {}),
      ...(required === false ? { requiredAfter: null, votedAfter: null } : {}),
      // What was refused is looked at anew; what was found in order stays so.
      ...(value.judged?.refusal === null ? {} : { judged: null }),
    });
  }

  /** A plan that somebody has asked for as the next rollout. */
  known(digest: string): ApprovalValue | undefined {
    return this.#proposals.find(this.#after, digest)?.value;
  }

  /** This node asks itself; what comes back says how far it is. */
  propose(value: ApprovalValue): Promise<ApprovalAnswer> {
    const { peerId } = this.#identity;
    return this.#consider(this.#proposals.propose(peerId, value, performance.now()));
  }

  /** Asks one other member for the plan; rejects when it does not answer. */
  async ask(nodeId: number, { after, digest }: ApprovalValue): Promise<ApprovalAnswer> {
    const proposal = this.#proposals.find(after, digest);
    if (proposal === undefined) throw new NodeError('refused', 'the rollout has moved on');
    const chain = this.#chain(after).digest;
    const request = messages.encodeRequest({ chain, batch: batchOf(proposal) });
    const { peers } = this.#host;
    const answer = await peers.call(nodeId, 'approval.request', request, ASK_TIMEOUT_MS);
    return messages.decodeAnswer(bytesOf(answer));
  }

  /** What a certificate for the next rollout proves here. Throws a `NodeError` when it is nothing. */
  verify(certificate: Uint8Array): ApprovalValue {
    const { swarmId } = this.#self;
    const members = this.#trusted(this.#host.control);
    const expected = { swarmId, after: this.#after, members, digest: null };
    return verifyApproval(certificate, expected).value;
  }

  /** Another member asks; its identity is proven. */
  async onRequest(peer: ValidatorId, payload: unknown): Promise<Uint8Array> {
    const { batch } = messages.decodeRequest(bytesOf(payload));
    const proposal = this.#proposals.receive(peer, batch, performance.now());
    return messages.encodeAnswer(await this.#consider(proposal));
  }

  /** Another member tells what was voted. */
  onMessage(peer: ValidatorId, bytes: unknown): void {
    const { chain, publicKeys, payload } = messages.decodeMessage(bytesOf(bytes));
    const voter = this.#voterOf(chain);
    if (voter === null) return;
    this.#learn(voter.chain, publicKeys);
    voter.receive(peer, payload);
  }

  /** Another member looks for what it lacks. */
  async onQuestion(peer: ValidatorId, payload: unknown): Promise<unknown> {
    const { chain, method, about } = messages.decodeQuestion(bytesOf(payload));
    return (await this.#voterOf(chain)?.answer(peer, method, about)) ?? null;
  }

  /** For people; null while nothing was ever said or asked here. */
  async describe(): Promise<object | null> {
    const { requiredAfter, policy, trusted, allowed, votedAfter } = this.#settings.value;
    const required = requiredAfter !== null;
    const asked = this.#proposals.of(this.#after);
    const isUnused = trusted === null && allowed === null && policy === 'operator';
    if (!required && isUnused && asked.length === 0) return null;
    const { control } = this.#host;
    const proposals = await Promise.all(
      asked.map(async ({ from: peer, value }) => {
        const { digest, plan } = value;
        const askedBy = memberByPeerId(control, peer)?.nodeId ?? 0;
        return { digest, from: plan.from, to: plan.to, askedBy, ...(await this.#standing(value)) };
      }),
    );
    const members = memberIds(control);
    return {
      required,
      policy,
      trusted: trusted ?? members,
      trustsMembers: this.#distrust(control) === '',
      approved: allowed?.after === this.#after ? allowed.digest : null,
      votedAfter,
      refusal: this.refusal,
      proposals,
    };
  }

  get #after(): number {
    return this.#host.control.rollout?.id ?? 0;
  }

  #trusted(control: ControlState): readonly ValidatorId[] {
    return this.#settings.value.trusted ?? memberIds(control);
  }

  #chain(after: number): ApprovalChain {
    const { swarmId } = this.#self;
    return approvalChain({ swarmId, after, members: this.#trusted(this.#host.control) });
  }

  #voterOf(chain: Uint8Array): ApprovalVoter | null {
    const voter = this.#voting?.voter ?? null;
    return voter !== null && Buffer.from(voter.chain.digest).equals(chain) ? voter : null;
  }

  /** What was found of a rollout once stays so: members may be removed while it goes on. */
  #judge(rollout: Rollout, control: ControlState): string | null {
    const { value: settings } = this.#settings;
    if (settings.judged?.rolloutId === rollout.id) return settings.judged.refusal;
    // Who joined since has nothing to do in it.
    const isPlanned = rollout.plan.batches.some((batch) => batch.includes(this.#self.nodeId));
    if (!isPlanned || needsNone(rollout, settings)) return null;
    const { swarmId } = this.#self;
    const trusted = this.#trusted(control);
    const refusal = approvalRefusal(rollout, { swarmId, trusted, settings });
    const isEngine = rollout.plan.kind === 'engine';
    this.#change({
      judged: { rolloutId: rollout.id, refusal },
      trusted: [...trusted],
      ...(refusal === null ? { votedAfter: null, ...(isEngine ? { mayRunV2: true } : {}) } : {}),
    });
    this.#log(
      refusal === null
        ? `rollout ${rollout.id}: the members have approved its plan ${rollout.digest}`
        : `rollout ${rollout.id} is refused by this node: ${refusal}`,
    );
    return refusal;
  }

  /** Keys are kept: after a restart a decision cannot be shown to others without those of who signed it. */
  #learn(chain: ApprovalChain, publicKeys: readonly Uint8Array[]): void {
    const { size } = chain.publicKeys;
    chain.learn(publicKeys);
    if (chain.publicKeys.size === size) return;
    const keys = [...chain.publicKeys.values()].map((key) => Buffer.from(key).toString('base64'));
    this.#change({ keys });
  }

  #change(changes: Partial<ApprovalSettings>): void {
    this.#settings.change(changes).catch((error: unknown) => this.#log(messageOf(error)));
  }

  /** Looks at a plan by itself, and votes for it if it may. */
  #consider({ value, command }: Proposal): Promise<ApprovalAnswer> {
    return this.#inTurn(async () => {
      const standing = await this.#standing(value);
      if (standing.state !== 'voting') return { ...standing, certificate: null };
      const voter = await this.#voterFor(value, command.data);
      voter.submit(command);
      const { certificate } = voter;
      return { state: certificate === null ? 'voting' : 'decided', reason: '', certificate };
    });
  }

  async #standing(value: ApprovalValue): Promise<Pick<ApprovalAnswer, 'state' | 'reason'>> {
    const reason = await this.#objection(value);
    if (reason !== '') return { state: 'refused', reason };
    if (this.#mayVoteFor(value)) return { state: 'voting', reason: '' };
    const how = `agentic-flow rollout approve ${value.digest} --data DIR`;
    return { state: 'waiting', reason: `its operator has not approved it: '${how}' on that node` };
  }

  /** What this node has against a plan, in a sentence, or nothing. */
  async #objection({ swarmId, after, plan }: ApprovalValue): Promise<string> {
    const { control, releases } = this.#host;
    if (this.#failure !== '') return this.#failure;
    if (swarmId !== this.#self.swarmId) return `it is a plan of swarm ${swarmId}`;
    if (after !== this.#after) return `the rollout before is ${this.#after} here, and not ${after}`;
    const refused = startRefusal(control, plan);
    if (refused !== null) return refusalText(refused);
    const distrust = this.#distrust(control);
    if (distrust !== '') return distrust;
    const to = plan.release?.to;
    if (to === undefined) return '';
    const known = await releases?.find(to.name);
    return known?.digest === to.digest ? '' : `it knows no release ${to.name} of that digest`;
  }

  /** What is wrong with the members, as this node was told to trust them. */
  #distrust(control: ControlState): string {
    try {
      requireMembers(memberIds(control), this.#trusted(control));
      return '';
    } catch (error) {
      return messageOf(error);
    }
  }

  /** A node votes for one plan at a time: the one of its operator, or else the first one in order. */
  #mayVoteFor({ after, digest }: ApprovalValue): boolean {
    const { allowed, policy } = this.#settings.value;
    return allowed?.after === after ? allowed.digest === digest : policy === 'any';
  }

  async #voterFor({ after, digest }: ApprovalValue, data: Uint8Array): Promise<ApprovalVoter> {
    const chain = this.#chain(after);
    const open = this.#voterOf(chain.digest);
    const isSame = this.#voting?.digest === digest || open?.certificate != null;
    if (open !== null && isSame) return open;
    await this.#stopVoting();
    if (this.#isClosed) throw new NodeError('stopped', 'the node stops');
    // Before a vote leaves: what follows may come with its approval only, and by these members.
    const trusted = [...this.#trusted(this.#host.control)];
    await this.#settings.change({ allowed: { after, digest }, votedAfter: after, trusted });
    const known = this.#settings.value.keys.map((key) => Buffer.from(key, 'base64'));
    chain.learn([publicKeyOf(this.#identity), ...known]);
    const name = Buffer.from(chain.digest).toString('hex').slice(0, 16);
    const voter = await ApprovalVoter.open({
      ...this.#pace,
      directory: join(this.#directory, name),
      identity: this.#identity,
      chain,
      ports: {
        tell: (peer, payload) => this.#tell(chain, peer, payload),
        call: (peer, method, about) => this.#question(chain, peer, method, about),
        isAllowed: (bytes) => Buffer.from(bytes).equals(data),
        onFailed: (error) => {
          this.#failure = `it votes no more, its disk failed: ${messageOf(error)}`;
          this.#log(`approval: ${this.#failure}`);
        },
        log: this.#log,
      },
    });
    this.#voting = { voter, after, digest };
    return voter;
  }

  async #stopVoting(): Promise<void> {
    const voting = this.#voting;
    this.#voting = null;
    await voting?.voter.close();
  }

  #tell(chain: ApprovalChain, peer: ValidatorId, payload: Uint8Array): void {
    const nodeId = memberByPeerId(this.#host.control, peer)?.nodeId;
    if (nodeId === undefined) return;
    const publicKeys = [...chain.publicKeys.values()];
    const bytes = messages.encodeMessage({ chain: chain.digest, publicKeys, payload });
    this.#host.peers.tell(nodeId, 'stream', 'approval.message', bytes);
  }

  async #question(
    chain: ApprovalChain,
    peer: ValidatorId,
    method: string,
    about: unknown,
  ): Promise<unknown> {
    const nodeId = memberByPeerId(this.#host.control, peer)?.nodeId ?? 0;
    const question = { chain: chain.digest, method, about } as messages.ApprovalQuestion;
    const bytes = messages.encodeQuestion(question);
    return this.#host.peers.call(nodeId, 'approval.question', bytes, ASK_TIMEOUT_MS);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function memberIds({ members }: ControlState): ValidatorId[] {
  return [...members.values()].map(({ peerId }) => peerId).sort();
}

function bytesOf(payload: unknown): Uint8Array {
  if (payload instanceof Uint8Array) return payload;
  throw new NodeError('malformed', 'what members say about approvals must be bytes');
}
