/**
 * HTTP/3 on the connections of `transport/quic`: enough to serve and make requests, and the ground
 * that WebTransport stands on.
 */
export type { Body } from './body.js';
export { requestHttp3, type ReceivedResponse } from './client.js';
export type { Exchange, ExchangeHandler, ForeignStream } from './exchange.js';
export { Http3Connection, type Http3Options } from './http3-connection.js';
export { HTTP3_CODES, Http3Error, type Http3ErrorCode } from './http3-error.js';
export type { RequestHead, ResponseHead } from './message.js';
export type { Field } from './qpack/static-table.js';
export {
  serveHttp3,
  type Http3Handler,
  type Http3Request,
  type Http3Response,
  type Http3ServerOptions,
} from './server.js';
export type { Settings } from './settings.js';
