/**
 * QUIC behind one interface: any engine that passes the same tests can take the place of quiche.
 */
export type {
  Connection,
  ConnectionCloseInfo,
  ConnectionHandler,
  ConnectionStats,
  LocalAddress,
} from './connection.js';
export type {
  Application,
  Authenticate,
  ConnectOptions,
  Engine,
  EngineOptions,
  Refusal,
  ServedApplication,
  SignatureAlgorithm,
  TicketOptions,
  Verdict,
} from './engine.js';
export type { Stream, StreamHandler } from './stream.js';
export { QuicError, type QuicErrorCode } from './quic-error.js';
export { DEFAULT_SETTINGS, type QuicSettings } from './settings.js';
export { openQuicheEngine } from './quiche/quiche-engine.js';
