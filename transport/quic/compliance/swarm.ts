import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import type { Connection } from '../connection.js';
import type { ConnectOptions, Engine, EngineOptions } from '../engine.js';
import type { ComplianceContext } from './case.js';
import { bytesOf, dial, echo, sideOf, type Side } from './pair.js';
import { StreamRecorder } from './recorder.js';

/** 48 bytes, the same for the same name. */
export function ticketKey(name: string): Uint8Array {
  return createHash('sha384').update(name).digest();
}

export interface Swarm {
  readonly server: Engine;
  readonly client: Engine;
  /** What the server has accepted. */
  readonly accepted: Side[];
  /** Replaces the ticket keys of the server. */
  setKeys(...keys: Uint8Array[]): void;
}

export async function openSwarm(
  context: ComplianceContext,
  options: Partial<EngineOptions> = {},
): Promise<Swarm> {
  let keys = [ticketKey('first')];
  const accepted: Side[] = [];
  const server = await context.open({
    tickets: { keys: () => keys, keysUsedSince: Date.now() },
    onConnection: (connection) => {
      accepted.push(sideOf(context, connection, { onStream: echo }));
    },
    ...options,
  });
  return {
    server,
    client: await context.open(),
    accepted,
    setKeys: (...next) => {
      keys = next;
    },
  };
}

/** Connects once, takes a session, and closes. */
export async function takeSession(context: ComplianceContext, swarm: Swarm): Promise<Uint8Array> {
  const sessions: Uint8Array[] = [];
  const side = await dial(context, swarm.client, swarm.server, {
    onSession: (session) => sessions.push(new Uint8Array(session)),
  });
  await context.until(() => sessions.length > 0, 'a session is offered');
  await side.connection.close(0, '');
  return sessions[0]!;
}

export interface EarlyDial {
  readonly side: Side;
  /** Opened in `onOpen`; `question` was written to it. */
  readonly recorder: StreamRecorder;
  /** What the connection said of itself in `onOpen`. */
  readonly atOpen: Pick<Connection, 'isEarly' | 'isOpen' | 'protocol' | 'isServer'> & {
    readonly certificateBytes: number;
  };
}

/** Connects with a session and writes a question in `onOpen`. */
export async function dialEarly(
  context: ComplianceContext,
  swarm: Swarm,
  session: Uint8Array | undefined,
  options: Partial<ConnectOptions> = {},
): Promise<EarlyDial> {
  const recorder = new StreamRecorder(context);
  let atOpen: EarlyDial['atOpen'] | undefined;
  const side = await dial(context, swarm.client, swarm.server, {
    ...(session === undefined ? {} : { session }),
    isEarly: true,
    ...options,
    onOpen: (connection) => {
      const { isEarly, isOpen, protocol, isServer, peerCertificate } = connection;
      atOpen = { isEarly, isOpen, protocol, isServer, certificateBytes: peerCertificate.length };
      const stream = connection.openBidirectional(recorder);
      assert(stream !== undefined, 'a stream can be opened in onOpen');
      recorder.stream = stream;
      stream.write(bytesOf('question'), true);
      options.onOpen?.(connection);
    },
  });
  return { side, recorder, atOpen: atOpen! };
}

/** The question has come once, and its echo has come back. */
export async function assertAnswered(
  context: ComplianceContext,
  { recorder }: EarlyDial,
  accepted: () => Side | undefined,
): Promise<void> {
  await context.until(() => recorder.isFinal, 'the echo has come back');
  assert.equal(recorder.text, 'question');
  await context.settle();
  assert.deepEqual(
    accepted()?.streams.map(({ text }) => text),
    ['question'],
  );
}
