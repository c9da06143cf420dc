import type { Connection } from '../connection.js';
import type { Authenticate } from '../engine.js';
import type { Configs } from './config.js';

/** An application that takes inbound connections: the engine's own, or another on its port. */
export interface Listener {
  readonly protocols: readonly string[];
  /** Replaced when the certificate is. */
  configs: Configs;
  /** Undefined when peers show no certificate. */
  readonly authenticate: Authenticate | undefined;
  readonly onConnection: (connection: Connection) => void;
}
