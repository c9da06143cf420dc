/**
 * A transport for js-libp2p 3 on the QUIC engine of this package, and whatever runs on libp2p
 * (gossipsub, for example) with it.
 */
import './promise-with-resolvers.js';

export {
  quicTransport,
  type QuicTransportComponents,
  type QuicTransportOptions,
} from './transport.js';
export { Libp2pTransportError, type Libp2pTransportErrorCode } from './libp2p-transport-error.js';
