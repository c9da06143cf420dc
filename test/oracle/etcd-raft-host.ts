/** One node of an interaction script: the core, its storage, and the work of its two threads. */
import {
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type NodeId,
  RaftNode,
  type Ready,
  type SnapshotMeta,
  type WriteReceipt,
  decodeConfChange,
  defaultRaftConfig,
} from '../../consensus/raft/index.js';
import type { Argument } from './datadriven.js';
import {
  MESSAGE_NAMES,
  ROLE_NAMES,
  printEntries,
  printHardState,
  printMessage,
  printReceipt,
  printSnapshot,
  printStorageAppend,
  printStorageApply,
} from './etcd-raft-describe.js';
import { type Level, printEvent } from './etcd-raft-log-lines.js';

export const ELECTION_TICKS = 3;

/** What travels between nodes and threads: etcd makes messages of all of it. */
export type Mail =
  | { readonly kind: 'message'; readonly to: NodeId; readonly message: Message }
  | { readonly kind: 'written'; readonly to: NodeId; readonly receipt: WriteReceipt }
  | { readonly kind: 'applied'; readonly to: NodeId; readonly entries: readonly Entry[] };

function mailOf(message: Message): Mail {
  return { kind: 'message', to: message.to, message };
}

/** etcd's name of the kind of a piece of mail. */
export function mailName(mail: Mail): string {
  if (mail.kind === 'message') return MESSAGE_NAMES[mail.message.type];
  return mail.kind === 'written' ? 'MsgStorageAppendResp' : 'MsgStorageApplyResp';
}

/** Whether a piece of mail never leaves its node, so that it cannot be lost. */
export function isLocal(mail: Mail): boolean {
  return mail.kind !== 'message' || mail.message.from === mail.to;
}

export function printMail(mail: Mail): string {
  if (mail.kind === 'message') return printMessage(mail.message);
  if (mail.kind === 'written') return printReceipt(mail.to, mail.receipt);
  return printStorageApply(mail.to, mail.entries).response;
}

function flag(values: readonly string[] | undefined): boolean {
  return values?.[0] === 'true';
}

/** etcd sends requests for votes before the vote is durable; here they wait for it. */
function asEtcdSends(ready: Ready): Ready {
  const isRequest = ({ type }: Message) => type === 'voteRequest';
  return {
    ...ready,
    messages: [...ready.messages, ...ready.messagesAfterPersist.filter(isRequest)],
    messagesAfterPersist: ready.messagesAfterPersist.filter((message) => !isRequest(message)),
  };
}

/** See the head of this file. */
export class Host {
  readonly node: RaftNode;
  firstIndex: number;
  log: Entry[] = [];
  private confState: ConfState;
  private readonly isAsync: boolean;
  /** As handed out last. */
  private hardState: HardState;
  private readonly appendWork: Ready[] = [];
  private readonly applyWork: (readonly Entry[])[] = [];

  constructor(
    readonly id: NodeId,
    options: readonly Argument[],
    listen: (level: Level, text: string) => void,
  ) {
    const of = (key: string) => options.find((each) => each.key === key)?.values;
    const voters = (of('voters') ?? []).map(Number);
    const learners = (of('learners') ?? []).map(Number);
    const index = Number(of('index')?.[0] ?? 0);
    const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
    const snapshot = index === 0 ? null : { index, term: 1, confState };
    const all = [...voters].sort((a, b) => a - b);
    this.isAsync = flag(of('async-storage-writes'));
    const config = defaultRaftConfig({
      id,
      random: () => 0,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 1,
      preVote: flag(of('prevote')),
      checkQuorum: flag(of('checkquorum')),
      maxMessageBytes: 16 << 20,
      maxInflightMessages: Number(of('inflight')?.[0] ?? 1 << 30),
      maxInflightBytes: Number.MAX_SAFE_INTEGER,
      maxUncommittedBytes: Number.MAX_SAFE_INTEGER,
      maxApplyBytes: Number(of('max-committed-size-per-ready')?.[0] ?? Number.MAX_SAFE_INTEGER),
      asyncStorageWrites: this.isAsync,
      leaseMs: of('read-only')?.[0] === 'lease-based' ? 1 : 0,
      stepDownOnRemoval: flag(of('step-down-on-removal')),
      forwardProposals: true,
      changeChecks: flag(of('disable-conf-change-validation')) ? 'none' : 'etcd',
      trace: (event) => {
        for (const [level, text] of printEvent(id, event, all)) listen(level, text);
      },
    });
    const hardState = { term: 0, vote: 0, commit: 0 };
    this.node = new RaftNode(config, { hardState, snapshot, entries: [], applied: index });
    this.hardState = { term: 0, vote: 0, commit: index };
    this.firstIndex = index + 1;
    this.confState = confState;
  }

  get hasAppendWork(): boolean {
    return this.appendWork.length > 0;
  }

  get hasApplyWork(): boolean {
    return this.applyWork.length > 0;
  }

  /** Handles the next ready: prints it, does its work or queues it, and returns what is sent. */
  handleReady(write: (text: string) => void): Mail[] {
    const ready = asEtcdSends(this.node.ready());
    write(this.printReady(ready));
    this.hardState = ready.hardState ?? this.hardState;
    if (!this.isAsync) {
      this.store(ready);
      this.apply(ready.committedEntries);
      this.node.advance();
      return [...ready.messages, ...ready.messagesAfterPersist].map(mailOf);
    }
    if (this.needsAppend(ready)) this.appendWork.push(ready);
    if (ready.committedEntries.length > 0) this.applyWork.push(ready.committedEntries);
    return ready.messages.map(mailOf);
  }

  /** Does one piece of work of the append thread; null if there is none. */
  processAppend(write: (text: string) => void): Mail[] | null {
    const ready = this.appendWork.shift();
    if (ready === undefined) return null;
    write(`Processing:\n${printStorageAppend(this.id, ready).request}\n`);
    this.store(ready);
    const answers = ready.messagesAfterPersist.map(mailOf);
    if (ready.receipt !== null) {
      answers.push({ kind: 'written', to: this.id, receipt: ready.receipt });
    }
    write(`Responses:\n${answers.map((each) => `${printMail(each)}\n`).join('')}`);
    return answers;
  }

  /** Does one piece of work of the apply thread; null if there is none. */
  processApply(write: (text: string) => void): Mail[] | null {
    const entries = this.applyWork.shift();
    if (entries === undefined) return null;
    const { request, response } = printStorageApply(this.id, entries);
    write(`Processing:\n${request}\n`);
    this.apply(entries);
    write(`Responses:\n${response}\n`);
    return [{ kind: 'applied', to: this.id, entries }];
  }

  /** Steps what was delivered. Returns what etcd would report as an error, if anything. */
  receive(mail: Mail): string | undefined {
    const { node } = this;
    if (mail.kind === 'written') {
      node.step({ type: 'written', receipt: mail.receipt });
    } else if (mail.kind === 'applied') {
      node.step({ type: 'applied', index: mail.entries.at(-1)?.index ?? 0 });
    } else if (mail.message.from === this.id) {
      node.step({ type: 'ownAnswer', message: mail.message });
    } else {
      const refusal = node.step({ type: 'message', message: mail.message });
      if (refusal !== undefined && mail.message.type === 'proposeRequest') {
        return 'raft proposal dropped';
      }
    }
    return undefined;
  }

  private needsAppend(ready: Ready): boolean {
    const { hardState, snapshot, entries, messagesAfterPersist } = ready;
    return (
      hardState !== undefined ||
      snapshot !== undefined ||
      entries.length > 0 ||
      messagesAfterPersist.length > 0
    );
  }

  private store(ready: Ready): void {
    if (ready.snapshot !== undefined) {
      this.log = [];
      this.firstIndex = ready.snapshot.index + 1;
      this.confState = ready.snapshot.confState;
    }
    const first = ready.entries[0];
    if (first === undefined) return;
    this.log = [...this.log.filter((entry) => entry.index < first.index), ...ready.entries];
  }

  private apply(entries: readonly Entry[]): void {
    for (const { index, term, type, data } of entries) {
      if (type === 'confChange') this.confState = this.node.applyConfChange(decodeConfChange(data));
      // etcd's scripts serve a snapshot of whatever was applied last.
      const meta: SnapshotMeta = { index, term, confState: this.confState };
      this.node.compact(0, meta);
    }
  }

  private printReady(ready: Ready): string {
    const { softState, hardState, entries, snapshot, committedEntries } = ready;
    const messages = ready.messages.map(printMessage);
    if (!this.isAsync) messages.push(...ready.messagesAfterPersist.map(printMessage));
    else if (this.needsAppend(ready)) messages.push(printStorageAppend(this.id, ready).whole);
    if (this.isAsync && committedEntries.length > 0) {
      messages.push(printStorageApply(this.id, committedEntries).whole);
    }
    let out = '';
    if (softState) out += `Lead:${softState.leader} State:${ROLE_NAMES[softState.role]}\n`;
    if (hardState) out += `HardState ${printHardState(hardState)}\n`;
    if (ready.readStates.length > 0) out += `ReadStates ${JSON.stringify(ready.readStates)}\n`;
    if (entries.length > 0) out += `Entries:\n${printEntries(entries)}`;
    if (snapshot) out += `Snapshot ${printSnapshot(snapshot)}\n`;
    if (committedEntries.length > 0) {
      out += `CommittedEntries:\n${printEntries(committedEntries)}`;
    }
    if (messages.length > 0) out += `Messages:\n${messages.map((each) => `${each}\n`).join('')}`;
    if (out === '') return '<empty Ready>\n';
    // etcd does not count a snapshot as something to sync; we do.
    const { term, vote } = this.hardState;
    const isVote = hardState !== undefined && (hardState.term !== term || hardState.vote !== vote);
    return `Ready MustSync=${isVote || entries.length > 0}:\n${out}`;
  }
}
