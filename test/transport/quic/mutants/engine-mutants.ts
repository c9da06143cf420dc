import type { ServedApplication } from '../../../../transport/quic/engine.js';
import type { Mutant } from './mutant.js';

const nothing = (): void => undefined;

const ACCEPT = { isAccepted: true } as const;

/** Mistakes with handshakes, sessions, paths, and with careless users. */
export const engineMutants: readonly Mutant[] = [
  {
    name: 'lets everybody in',
    caughtBy: 'a peer that dials and is refused is told code and reason, and never handed over',
    options: () => ({ authenticate: () => ACCEPT }),
  },
  {
    name: 'dials whoever answers',
    caughtBy: 'a dialled peer that is refused is told code and reason',
    connect: () => ({ authenticate: () => ACCEPT }),
  },
  {
    name: 'forgets the certificate of its peer',
    caughtBy:
      'each side judges the certificate of the other, in DER, and finds it on the connection',
    connection: () => ({ peerCertificate: new Uint8Array() }),
  },
  {
    name: 'reports no refusals',
    caughtBy: 'a peer that dials and is refused is told code and reason, and never handed over',
    options: () => ({ onRefusal: nothing }),
  },
  {
    name: 'judges after the connection was handed over',
    caughtBy: 'a peer is judged before its connection is handed over and before any stream is read',
    options: ({ authenticate, onConnection }) => ({
      authenticate: () => ACCEPT,
      onConnection: (connection) => {
        onConnection(connection);
        const verdict = authenticate(connection.peerCertificate);
        if (!verdict.isAccepted) void connection.close(verdict.code, verdict.reason);
      },
    }),
  },
  {
    name: 'ignores the signal of `connect`',
    caughtBy:
      '`connect` is cancelled by its signal, before, right after it began, and while it waits',
    connect: () => ({ signal: new AbortController().signal }),
  },
  {
    name: 'goes on accepting',
    caughtBy: 'after `stopAccepting` nobody is let in, and what is open goes on',
    engine: () => ({ stopAccepting: nothing }),
  },
  {
    name: 'never says that a handshake is over',
    caughtBy:
      '`established` resolves on both sides, and a first connection is neither early nor resumed',
    connection: () => ({ established: new Promise<void>(nothing) }),
  },
  {
    name: 'closes an engine without its code',
    caughtBy: '`close` of an engine closes every connection with its code and reason',
    engine: (engine) => ({ close: () => engine.close(0, '') }),
  },
  {
    name: 'takes the protocol that the listener likes least',
    caughtBy:
      'of the protocols that both sides name the one counts that the dialling side likes best',
    options: ({ protocols }) => ({ protocols: [...protocols].reverse() }),
  },
  {
    name: 'never changes the certificate of an application',
    caughtBy: 'an application may change its certificate for connections that come later',
    engine: (engine) => ({
      serve: (application): ServedApplication => {
        const served = engine.serve(application);
        return { setCertificate: nothing, stop: () => served.stop() };
      },
    }),
  },
  {
    name: 'never stops an application',
    caughtBy: 'an application that is stopped takes no new connections, and keeps those it has',
    engine: (engine) => ({
      serve: (application): ServedApplication => ({ ...engine.serve(application), stop: nothing }),
    }),
  },
  {
    name: 'takes the settings of the engine for an application',
    caughtBy: 'an application has its own settings',
    engine: (engine) => ({
      serve: ({ settings: _settings, ...application }) => engine.serve(application),
    }),
  },
  {
    name: 'offers no sessions',
    caughtBy: 'a connection that is resumed says so on both sides, and knows the same certificates',
    connect: () => ({ onSession: nothing }),
  },
  {
    name: 'uses no sessions',
    caughtBy: 'a connection that is resumed says so on both sides, and knows the same certificates',
    connect: () => ({ session: new Uint8Array() }),
  },
  {
    name: 'keeps the ticket keys that it saw first',
    caughtBy: 'a session under an older key is taken as long as `keys` names it, and not longer',
    options: ({ tickets }) => {
      if (tickets === undefined) return {};
      const keys = tickets.keys();
      return { tickets: { ...tickets, keys: () => keys } };
    },
  },
  {
    name: 'knows only the newest ticket key',
    caughtBy: 'a session under an older key is taken as long as `keys` names it, and not longer',
    options: ({ tickets }) =>
      tickets === undefined
        ? {}
        : { tickets: { ...tickets, keys: () => tickets.keys().slice(0, 1) } },
  },
  {
    name: 'does not judge a peer that resumes',
    caughtBy: 'a peer is judged again when it resumes, on both sides',
    options: ({ authenticate }) => {
      const known = new Set<string>();
      return {
        authenticate: (certificate) => {
          const text = Buffer.from(certificate ?? []).toString('base64');
          if (known.has(text)) return ACCEPT;
          known.add(text);
          return authenticate(certificate);
        },
      };
    },
  },
  {
    name: 'takes early streams for ordinary ones',
    caughtBy: 'what is written early arrives once, on a stream that says that it is early',
    stream: () => ({ isEarly: false }),
  },
  {
    name: 'waits for the handshake though early data was asked for',
    caughtBy: 'an early connection opens before its peer is known, and says so',
    connect: () => ({ isEarly: false }),
  },
  {
    name: 'takes early data under keys that others have used',
    caughtBy: 'when others may have used the keys before, early data is refused and arrives later',
    options: ({ tickets }) =>
      tickets === undefined ? {} : { tickets: { ...tickets, keysUsedSince: Date.now() } },
  },
  {
    name: 'names a protocol before the peer has chosen it',
    caughtBy: 'an early connection opens before its peer is known, and says so',
    connection: () => ({ protocol: 'compliance/1' }),
  },
  {
    name: 'says that it has moved and stays',
    caughtBy: 'after `migrate` the peer sees another address, and is told once',
    connection: () => ({ migrate: () => Promise.resolve() }),
  },
  {
    name: 'does not tell that the peer has moved',
    caughtBy: 'after `migrate` the peer sees another address, and is told once',
    connectionHandler: () => ({ onPathChanged: nothing }),
  },
  {
    name: 'loses the connection when it cannot move',
    caughtBy: 'an address that cannot be taken rejects, and the old path stays in use',
    connection: (connection) => ({
      migrate: (local) =>
        connection.migrate(local).catch((error: unknown) => {
          void connection.close(0, 'lost');
          throw error;
        }),
    }),
  },
  {
    name: 'takes a second handler',
    caughtBy: 'a second handler of a connection is an assertion',
    connection: (connection) => {
      let isSet = false;
      return {
        setHandler(handler) {
          if (!isSet) connection.setHandler(handler);
          isSet = true;
        },
      };
    },
  },
  {
    name: 'cuts codes of streams to 32 bits',
    caughtBy: 'a code of a stream that is no integer from 0 to 2^53 - 1 is an assertion',
    stream: (stream) => ({ reset: (code) => stream.reset(code >>> 0) }),
  },
  {
    name: 'takes any urgency',
    caughtBy: 'an urgency that is no integer from 0 to 7 is an assertion',
    stream: (stream) => ({
      setPriority: (urgency, isIncremental) =>
        stream.setPriority(Math.min(Math.max(urgency | 0, 0), 7), isIncremental),
    }),
  },
];
