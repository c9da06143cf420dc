/**
 * Sessions between browsers and nodes, on HTTP/3 (draft-ietf-webtrans-http3), and the shape that
 * they share with those over WebSocket.
 */
export { acceptWebTransport, type AcceptedConnection, type AcceptOptions } from './accept.js';
export { createShortLivedCertificate, type ShortLivedCertificate } from './certificate.js';
export { CertificateRotation } from './certificate-rotation.js';
export { connectWebTransport, type ConnectOptions } from './client.js';
export type { BidirectionalStream, CloseInfo, Datagrams, Session } from './session.js';
export { SessionError, type SessionErrorCode } from './session-error.js';
export type { SessionRequest, SessionRules } from './session-rules.js';
export { serveWebTransport, type ServeOptions, type ServedWebTransport } from './server.js';
