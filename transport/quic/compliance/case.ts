import type { Engine, EngineOptions } from '../engine.js';
import { createIdentity } from '../../identity/identity.js';

/** What an engine may lack; a case that needs it is left out for such an engine. */
export type Capability =
  /** `serve`: other applications on the same port. */
  | 'applications'
  /** `tickets`, `session`, `onSession`. */
  | 'sessions'
  /** `isEarly`: 0-RTT. */
  | 'early-data'
  /** `migrate`. */
  | 'migration';

/** One sentence of the contract, and what shows that an engine keeps it. */
export interface ComplianceCase {
  /** The sentence; no two cases have the same. */
  readonly name: string;
  readonly needs?: Capability;
  /** Rejects with an `AssertionError` when the engine does not keep it. */
  run(context: ComplianceContext): Promise<void>;
}

/** What a case is given to work with. */
export interface ComplianceContext {
  /**
   * Opens an engine on loopback, with an identity of its own, that accepts everybody and is closed
   * after the case.
   */
  open(options?: Partial<EngineOptions>): Promise<Engine>;
  /** Waits for something that must happen; rejects with `what` when it does not in time. */
  until(isTrue: () => boolean, what: string): Promise<void>;
  /** Waits long enough for something that must not happen. */
  settle(): Promise<void>;
  /** Notes a breach that shows itself inside a callback of the engine; the case then fails. */
  breach(sentence: string): void;
}

export interface ComplianceOptions {
  readonly openEngine: (options: EngineOptions) => Promise<Engine>;
  /** How long to wait for what must happen. Milliseconds; 10,000 when left out. */
  readonly patienceMs?: number;
  /** How long to wait for what must not happen. Milliseconds; 100 when left out. */
  readonly settleMs?: number;
  /** How long a case may take altogether. Milliseconds; 60,000 when left out. */
  readonly caseMs?: number;
}

const PATIENCE_MS_DEFAULT = 10_000;
const SETTLE_MS_DEFAULT = 100;
const CASE_MS_DEFAULT = 60_000;
const LOOK_MS = 2;
const PROTOCOL = 'compliance/1';

/** Runs one case against an engine, and closes what it opened. Rejects when the case fails. */
export async function runComplianceCase(
  complianceCase: ComplianceCase,
  options: ComplianceOptions,
): Promise<void> {
  const context = new Context(options);
  const caseMs = options.caseMs ?? CASE_MS_DEFAULT;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the case took more than ${caseMs} ms`)), caseMs);
  });
  try {
    await Promise.race([complianceCase.run(context), tooLate]);
    context.check();
  } finally {
    clearTimeout(timer);
    await context.close();
  }
}

class Context implements ComplianceContext {
  readonly #options: ComplianceOptions;
  readonly #engines: Engine[] = [];
  readonly #breaches: string[] = [];

  constructor(options: ComplianceOptions) {
    this.#options = options;
  }

  async open(options: Partial<EngineOptions> = {}): Promise<Engine> {
    const { privateKeyPem, certificatePem } = createIdentity();
    const engine = await this.#options.openEngine({
      host: '127.0.0.1',
      port: 0,
      protocols: [PROTOCOL],
      privateKeyPem,
      certificatePem,
      authenticate: () => ({ isAccepted: true }),
      onConnection: (connection) =>
        connection.setHandler({
          onStream: () => IGNORES,
          onStreamsAvailable: () => undefined,
        }),
      ...options,
    });
    this.#engines.push(engine);
    return engine;
  }

  async until(isTrue: () => boolean, what: string): Promise<void> {
    const patienceMs = this.#options.patienceMs ?? PATIENCE_MS_DEFAULT;
    const startedAt = performance.now();
    while (!isTrue()) {
      this.check();
      if (performance.now() - startedAt > patienceMs) {
        throw new Error(`did not happen within ${patienceMs} ms: ${what}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async settle(): Promise<void> {
    const settleMs = this.#options.settleMs ?? SETTLE_MS_DEFAULT;
    await new Promise((resolve) => setTimeout(resolve, settleMs));
  }

  breach(sentence: string): void {
    this.#breaches.push(sentence);
  }

  check(): void {
    if (this.#breaches.length > 0) throw new Error(this.#breaches.join('; '));
  }

  async close(): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.close(0, '')));
  }
}

const nothing = (): void => undefined;

const IGNORES = {
  onData: nothing,
  onReset: nothing,
  onStopped: nothing,
  onDrained: nothing,
  onConnectionClosed: nothing,
};
