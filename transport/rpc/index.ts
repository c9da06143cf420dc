/** Calls between peers over QUIC. */
export { listenRpc, type ListenOptions } from './endpoint.js';
export {
  RpcError,
  type CallContext,
  type CallOptions,
  type CloseInfo,
  type Handler,
  type Handlers,
  type PeerAddress,
  type RpcConnection,
  type RpcEndpoint,
  type RpcErrorCode,
  type RpcErrorOptions,
} from './rpc.js';
