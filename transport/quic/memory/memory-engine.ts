import type { Connection, LocalAddress } from '../connection.js';
import type {
  Application,
  ConnectOptions,
  Engine,
  EngineOptions,
  ServedApplication,
  SignatureAlgorithm,
} from '../engine.js';
import { CONNECTIONS_MAX, HALF_OPEN_CONNECTIONS_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import { resolveSettings, type QuicSettings } from '../settings.js';
import { resolveFrom, sourceOf } from './addresses.js';
import { Answer, type Offer } from './answer.js';
import { readCredentials, type Credentials } from './credentials.js';
import { Dial } from './dial.js';
import type { Fabric, Listener } from './fabric.js';
import type { Hello, PeerLimits } from './frame.js';
import type { Lane, LaneEnd } from './lane.js';
import { DATAGRAM_OVERHEAD_BYTES, PACKET_BYTES } from './limits.js';
import { MemoryConnection } from './memory-connection.js';
import { Tickets } from './tickets.js';

const SIGNATURES_DEFAULT: readonly SignatureAlgorithm[] = ['ed25519'];
/** RFC 7301 3.1: a name has a length of one byte. */
const PROTOCOL_BYTES_MAX = 255;

/** Opens an engine on a network inside this process. Rejects as `Engine` says. */
export function openEngineOn(fabric: Fabric, options: EngineOptions): Promise<Engine> {
  return new Promise((resolve) => resolve(new MemoryEngine(fabric, options)));
}

class MemoryEngine implements Engine, Listener {
  readonly host: string;
  readonly port: number;

  readonly #fabric: Fabric;
  readonly #options: EngineOptions;
  readonly #settings: QuicSettings;
  readonly #credentials: Credentials;
  readonly #signatureAlgorithms: readonly SignatureAlgorithm[];
  readonly #local: LocalAddress;
  readonly #connections = new Set<MemoryConnection>();
  /** The engine's own first, then the applications on its port. */
  readonly #offers: Set<{ offer: Offer; readonly settings: QuicSettings }> = new Set();
  #halfOpenCount = 0;
  #isAccepting = true;
  #isClosed = false;

  constructor(fabric: Fabric, options: EngineOptions) {
    this.#fabric = fabric;
    this.#options = options;
    this.#settings = resolveSettings(options.settings);
    checkProtocols(options.protocols);
    this.#credentials = readCredentials(options.privateKeyPem, options.certificatePem);
    this.#signatureAlgorithms = options.signatureAlgorithms ?? SIGNATURES_DEFAULT;
    this.#local = fabric.bind(options.host, options.port, this);
    this.host = this.#local.host;
    this.port = this.#local.port;
    this.#offers.add({
      settings: this.#settings,
      offer: {
        protocols: options.protocols,
        credentials: this.#credentials,
        signatureAlgorithms: this.#signatureAlgorithms,
        limits: limitsOf(this.#settings),
        authenticate: options.authenticate,
        tickets:
          options.tickets === undefined
            ? undefined
            : new Tickets(options.tickets, fabric.usedTickets),
        onConnection: options.onConnection,
      },
    });
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const startedAt = performance.now();
    const { timeoutMs, signal, port } = options;
    const host = resolveFrom(this.#local, options.host);
    // Nobody is called before `connect` has returned.
    await Promise.resolve();
    if (signal?.aborted === true) {
      const text = `connecting to ${options.host}:${port} was cancelled`;
      throw new QuicError('cancelled', text, { cause: signal.reason });
    }
    if (this.#isClosed) throw new QuicError('closed', 'this endpoint is closed');
    if (this.#connections.size >= CONNECTIONS_MAX) {
      throw new QuicError('limit', `this endpoint has ${CONNECTIONS_MAX} connections already`);
    }
    const dial = new Dial({
      connect: options,
      credentials: this.#credentials,
      hello: {
        protocols: this.#options.protocols,
        signatureAlgorithms: this.#signatureAlgorithms,
        limits: limitsOf(this.#settings),
      },
      onOver: (over) => this.#connections.delete(over),
    });
    const connection = new MemoryConnection({
      fabric: this.#fabric,
      isServer: false,
      settings: this.#settings,
      local: sourceOf(this.#local, host),
      remote: { host, port },
      handshake: dial,
    });
    this.#connections.add(connection);
    return await dial.run(connection, timeoutMs - (performance.now() - startedAt));
  }

  serve(application: Application): ServedApplication {
    checkProtocols(application.protocols);
    for (const { offer } of this.#offers) {
      const taken = offer.protocols.find((each) => application.protocols.includes(each));
      if (taken !== undefined) {
        throw new QuicError('bad-option', `the protocol '${taken}' is served on this port already`);
      }
    }
    const settings = resolveSettings(application.settings);
    const offerWith = (privateKeyPem: string, certificatePem: string): Offer => ({
      protocols: application.protocols,
      credentials: readCredentials(privateKeyPem, certificatePem),
      signatureAlgorithms: SIGNATURES_DEFAULT,
      limits: limitsOf(settings),
      authenticate: undefined,
      tickets: undefined,
      onConnection: application.onConnection,
    });
    const served = {
      settings,
      offer: offerWith(application.privateKeyPem, application.certificatePem),
    };
    this.#offers.add(served);
    return {
      setCertificate: (privateKeyPem, certificatePem) => {
        served.offer = offerWith(privateKeyPem, certificatePem);
      },
      stop: () => {
        this.#offers.delete(served);
      },
    };
  }

  stopAccepting(): void {
    this.#isAccepting = false;
  }

  async close(code: number, reason: string): Promise<void> {
    this.#isAccepting = false;
    this.#isClosed = true;
    await Promise.all([...this.#connections].map((connection) => connection.close(code, reason)));
    // The last words are on their way: the address may go when they have left.
    await new Promise((resolve) => setImmediate(resolve));
    this.#fabric.unbind(this.#local, this);
  }

  onHello(hello: Hello, lane: Lane): LaneEnd | undefined {
    if (
      !this.#isAccepting ||
      this.#halfOpenCount >= HALF_OPEN_CONNECTIONS_MAX ||
      this.#connections.size >= CONNECTIONS_MAX
    ) {
      return undefined;
    }
    const chosen = [...this.#offers].find(({ offer }) =>
      offer.protocols.some((each) => hello.protocols.includes(each)),
    );
    this.#halfOpenCount += 1;
    const connection = new MemoryConnection({
      fabric: this.#fabric,
      isServer: true,
      settings: chosen?.settings ?? this.#settings,
      local: lane.to,
      remote: lane.from,
      handshake: new Answer({
        offer: chosen?.offer,
        onOpen: () => {
          this.#halfOpenCount -= 1;
        },
        onOver: (over, isRefused, reason) => {
          this.#connections.delete(over);
          if (isRefused) this.#onRefused(over, reason);
        },
      }),
    });
    connection.lane.receiver = lane.sender;
    this.#connections.add(connection);
    return connection;
  }

  #onRefused(connection: MemoryConnection, reason: string): void {
    this.#halfOpenCount -= 1;
    const { remoteHost, remotePort } = connection;
    this.#options.onRefusal?.({ remoteHost, remotePort, reason });
  }
}

function checkProtocols(protocols: readonly string[]): void {
  const isUsable = (name: string): boolean => {
    const length = Buffer.byteLength(name, 'latin1');
    return length > 0 && length <= PROTOCOL_BYTES_MAX;
  };
  if (protocols.length > 0 && protocols.every(isUsable)) return;
  throw new QuicError(
    'bad-option',
    `protocols must be names of 1 to ${PROTOCOL_BYTES_MAX} bytes, and at least one`,
  );
}

/** What an engine tells its peers. */
function limitsOf(settings: QuicSettings): PeerLimits {
  const packetBytes = settings.packetBytes === 'auto' ? PACKET_BYTES : settings.packetBytes;
  return {
    streamsMax: settings.streamsMax,
    streamWindowBytes: settings.streamWindowBytes,
    connectionWindowBytes: settings.connectionWindowBytes,
    idleTimeoutMs: settings.idleTimeoutMs,
    datagramBytesMax: packetBytes - DATAGRAM_OVERHEAD_BYTES,
  };
}
