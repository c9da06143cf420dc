/**
 * What one node says to another one in a round, in the name of all groups that both are in. Bytes of
 * version 1; integers are those of `../varint.ts` unless their size is named:
 *
 *     envelope  version u8, from, to, count, beats, count, messages
 *     beat      head u8 (2 * mark + 1 if it is an answer), group, term, commit unless it is an
 *               answer, number unless the mark is 0, index and logTerm if it is no answer and the
 *               mark is 2 or 4
 *     message   group, length, bytes as in `consensus/raft/codec.ts`
 *
 * Beats are heartbeats and their answers, which are all that groups at rest say: some ten bytes each.
 * Marks: 0 none, 1 a round of reads, 2 to 4 the question whether to sleep, the yes, the order
 * (`quiescence.ts`).
 */
import {
  type Message,
  type NodeId,
  RaftError,
  createMessage,
  decodeMessage,
  encodeMessage,
  formatMark,
  parseMark,
} from '../raft/index.js';
import { ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_TARGET, ENVELOPE_ITEMS_MAX } from './limits.js';
import { ByteReader, ByteWriter } from '../varint.js';
import { GroupsError } from './error.js';

/** Identifier of a group, 1 to 2^53-1, the same on all its members. */
export type GroupId = number;

/** A message of a group. */
export interface GroupMessage {
  readonly group: GroupId;
  readonly message: Message;
}

/** The content of an envelope: beats first. */
export interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly messages: readonly GroupMessage[];
}

/** The bytes of an envelope, and what is in it. */
export interface EncodedEnvelope {
  readonly to: NodeId;
  readonly bytes: Uint8Array;
  readonly messages: readonly GroupMessage[];
}

/** The error for bytes that are no envelope. */
function bad(what: string): GroupsError {
  return new GroupsError('bad-encoding', `envelope bytes: ${what}`);
}

const VERSION = 1;
const MARK_ASK = 2;
const MARK_GO = 4;
const MARKS = ['none', 'reads', 'ask', 'yes', 'go'] as const;
/** A beat has at most a head and six integers. */
const BEAT_BYTES_MAX = 1 + 6 * 8;

interface Beat {
  readonly mark: number;
  readonly number: number;
}

/** How a message is written as a beat; undefined if it says more than a beat can. */
function asBeat(message: Message): Beat | undefined {
  const { type, term, logTerm, index, commit, context } = message;
  const isAnswer = type === 'heartbeatResponse';
  if (!isAnswer && type !== 'heartbeat') return undefined;
  if (message.entries.length > 0 || message.snapshot !== null || message.reject) return undefined;
  if (term === 0 || message.rejectHint !== 0) return undefined;
  const beat = markOf(context);
  if (beat === undefined) return undefined;
  const hasIndex = !isAnswer && (beat.mark === MARK_ASK || beat.mark === MARK_GO);
  if (!hasIndex && (index !== 0 || logTerm !== 0)) return undefined;
  return isAnswer && commit !== 0 ? undefined : beat;
}

function markOf(context: string): Beat | undefined {
  if (context === '') return { mark: 0, number: 0 };
  const asked = parseMark(context);
  if (asked !== undefined) return { mark: MARKS.indexOf(asked.kind), number: asked.round };
  const number = Number(context);
  const isRound = Number.isSafeInteger(number) && number > 0 && String(number) === context;
  return isRound ? { mark: 1, number } : undefined;
}

function contextOf(mark: number, number: number): string {
  if (mark === 0) return '';
  if (number === 0) throw bad('a mark has the number 0');
  switch (MARKS[mark]) {
    case 'reads':
      return String(number);
    case 'ask':
    case 'yes':
    case 'go':
      return formatMark(MARKS[mark], number);
    default:
      throw bad(`mark ${mark} is not known`);
  }
}

function writeBeat(writer: ByteWriter, { group, message }: GroupMessage, beat: Beat): void {
  const isAnswer = message.type === 'heartbeatResponse';
  writer.u8(2 * beat.mark + (isAnswer ? 1 : 0));
  writer.varint(group);
  writer.varint(message.term);
  if (!isAnswer) writer.varint(message.commit);
  if (beat.mark !== 0) writer.varint(beat.number);
  if (isAnswer || (beat.mark !== MARK_ASK && beat.mark !== MARK_GO)) return;
  writer.varint(message.index);
  writer.varint(message.logTerm);
}

function readBeat(reader: ByteReader, from: NodeId, to: NodeId): GroupMessage {
  const head = reader.u8();
  const isAnswer = head % 2 === 1;
  const mark = (head - (head % 2)) / 2;
  const group = readGroup(reader);
  const term = reader.varint();
  if (term === 0) throw bad('a beat has the term 0');
  const commit = isAnswer ? 0 : reader.varint();
  const context = contextOf(mark, mark === 0 ? 0 : reader.varint());
  const hasIndex = !isAnswer && (mark === MARK_ASK || mark === MARK_GO);
  const index = hasIndex ? reader.varint() : 0;
  const logTerm = hasIndex ? reader.varint() : 0;
  const type = isAnswer ? 'heartbeatResponse' : 'heartbeat';
  const fields = { type, to, from, term, index, logTerm, commit, context } as const;
  return { group, message: createMessage(fields) };
}

function readGroup(reader: ByteReader): GroupId {
  const group = reader.varint();
  if (group === 0) throw bad('a group has the id 0');
  return group;
}

/** Collects one envelope after the other. */
class EnvelopeWriter {
  readonly done: EncodedEnvelope[] = [];
  #beats = new ByteWriter();
  #others = new ByteWriter();
  #beatMessages: GroupMessage[] = [];
  #otherMessages: GroupMessage[] = [];

  constructor(
    private readonly from: NodeId,
    private readonly to: NodeId,
  ) {}

  add(item: GroupMessage): void {
    const beat = asBeat(item.message);
    const bytes = beat === undefined ? encodeMessage(item.message) : undefined;
    this.#makeRoom(bytes === undefined ? BEAT_BYTES_MAX : bytes.length + 16);
    if (bytes === undefined) {
      writeBeat(this.#beats, item, beat as Beat);
      this.#beatMessages.push(item);
      return;
    }
    this.#others.varint(item.group);
    this.#others.varint(bytes.length);
    this.#others.raw(bytes);
    this.#otherMessages.push(item);
  }

  #makeRoom(bytes: number): void {
    const items = Math.max(this.#beatMessages.length, this.#otherMessages.length);
    const length = this.#beats.length + this.#others.length;
    if (items === 0) return;
    if (items >= ENVELOPE_ITEMS_MAX || length + bytes > ENVELOPE_BYTES_TARGET) this.finish();
  }

  finish(): void {
    const messages = [...this.#beatMessages, ...this.#otherMessages];
    if (messages.length === 0) return;
    const writer = new ByteWriter();
    writer.u8(VERSION);
    writer.varint(this.from);
    writer.varint(this.to);
    writer.varint(this.#beatMessages.length);
    writer.raw(this.#beats.done());
    writer.varint(this.#otherMessages.length);
    writer.raw(this.#others.done());
    this.done.push({ to: this.to, bytes: writer.done(), messages });
    this.#beats = new ByteWriter();
    this.#others = new ByteWriter();
    this.#beatMessages = [];
    this.#otherMessages = [];
  }
}

/**
 * Encodes messages from node `from` to node `to`, in as few envelopes as their bounds allow. Their
 * order is kept but for beats, which come first.
 */
export function encodeEnvelopes(
  from: NodeId,
  to: NodeId,
  messages: readonly GroupMessage[],
): EncodedEnvelope[] {
  const writer = new EnvelopeWriter(from, to);
  for (const item of messages) writer.add(item);
  writer.finish();
  return writer.done;
}

function readCount(reader: ByteReader, itemBytesMin: number): number {
  const count = reader.varint();
  const isPossible = count <= ENVELOPE_ITEMS_MAX && count * itemBytesMin <= reader.left;
  if (!isPossible) throw bad(`${count} items do not fit`);
  return count;
}

/** Decodes an envelope of any peer. Throws a `GroupsError` with code `bad-encoding`. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > ENVELOPE_BYTES_MAX) throw bad('an envelope is too large');
  const reader = new ByteReader(bytes, bad);
  const version = reader.u8();
  if (version !== VERSION) throw bad(`version ${version} is not known`);
  const from = reader.varint();
  const to = reader.varint();
  if (from === 0 || to === 0 || from === to) throw bad('it is not from one node to another');
  const messages: GroupMessage[] = [];
  for (let left = readCount(reader, 3); left > 0; left -= 1) {
    messages.push(readBeat(reader, from, to));
  }
  for (let left = readCount(reader, 3); left > 0; left -= 1) {
    const group = readGroup(reader);
    const message = readMessage(reader.raw(reader.varint()));
    if (message.from !== from || message.to !== to) throw bad('a message is of another node');
    if (asBeat(message) !== undefined) throw bad('a beat is among the other messages');
    messages.push({ group, message });
  }
  reader.end();
  return { from, to, messages };
}

function readMessage(bytes: Uint8Array): Message {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof RaftError) throw bad(error.message);
    throw error;
  }
}
