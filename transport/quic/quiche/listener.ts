import type { Connection } from '../connection.js';
import type { Application, Authenticate } from '../engine.js';
import type { QuicSettings } from '../settings.js';
import { Configs } from './config.js';
import type { Native } from './native.js';

/** An application that takes inbound connections: the engine's own, or another on its port. */
export interface Listener {
  readonly protocols: readonly string[];
  /** Replaced when the certificate is. */
  configs: Configs;
  /** Undefined when peers show no certificate. */
  readonly authenticate: Authenticate | undefined;
  readonly onConnection: (connection: Connection) => void;
}

/** Another application: its peers show no certificate, and it may change its own. */
export class ApplicationListener implements Listener {
  readonly protocols: readonly string[];
  readonly onConnection: (connection: Connection) => void;
  readonly authenticate = undefined;
  configs: Configs;
  readonly #native: Native;
  readonly #settings: QuicSettings;

  /** Throws `QuicError` with code `bad-option` when key or certificate cannot be used. */
  constructor(native: Native, application: Application, settings: QuicSettings) {
    this.protocols = application.protocols;
    this.onConnection = application.onConnection;
    this.#native = native;
    this.#settings = settings;
    this.configs = this.#configsFor(application.privateKeyPem, application.certificatePem);
  }

  setCertificate(privateKeyPem: string, certificatePem: string): void {
    this.configs = this.#configsFor(privateKeyPem, certificatePem);
  }

  #configsFor(privateKeyPem: string, certificatePem: string): Configs {
    const shown = { protocols: this.protocols, privateKeyPem, certificatePem };
    const asked = { signatureAlgorithms: undefined, asksCertificate: false };
    return new Configs(this.#native, { ...shown, ...asked }, this.#settings);
  }
}
