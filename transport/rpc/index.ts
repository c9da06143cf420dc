/** Calls between peers over QUIC. */
export { type LoadLimits } from './admission.js';
export { authorization } from './authorization.js';
export type { Reason } from './codes.js';
export { listenRpc, type ListenOptions } from './endpoint.js';
export {
  onAnswerEnd,
  type CallAnswer,
  type InterceptedCall,
  type Interceptor,
  type Next,
} from './interceptors.js';
export type { Metadata } from './metadata.js';
export { Lane } from './lane.js';
export { LaneHandlers } from './lane-handlers.js';
export {
  LATENCY_BOUNDS_MS,
  metrics,
  type CallMetrics,
  type MethodMetrics,
  type Outcome,
} from './metrics.js';
export { ConnectionPool, type PoolOptions } from './pool.js';
export type { Dialler, PeerSettings, PoolCallOptions, PooledPeerStats } from './pooled-peer.js';
export {
  DEFAULT_RETRY,
  RetryBudget,
  withRetries,
  type RetryBudgetOptions,
  type RetryOptions,
  type RetryPolicy,
} from './retry.js';
export {
  RpcError,
  type CallContext,
  type CallKind,
  type CallOptions,
  type Caller,
  type ClientStreamHandler,
  type CloseInfo,
  type DialOptions,
  type DuplexHandler,
  type Handler,
  type Handlers,
  type MessageSource,
  type Method,
  type Methods,
  type PeerAddress,
  type PeerConnection,
  type PeerConnectionStats,
  type PeerEndpoint,
  type RpcConnection,
  type RpcEndpoint,
  type RpcErrorCode,
  type RpcErrorOptions,
  type ServerStreamHandler,
} from './rpc.js';
export {
  clientStreaming,
  defineService,
  duplexStreaming,
  serverStreaming,
  serviceClient,
  serviceHandlers,
  unary,
  type Client,
  type Implementation,
  type MethodShape,
  type Parser,
  type Service,
} from './service.js';
export type { SessionStore } from './sessions.js';
export { formatTraceparent, readTraceparent, tracing } from './tracing.js';
export type { SpanContext, SpanHooks } from './tracing.js';
