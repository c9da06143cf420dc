export type Libp2pTransportErrorCode =
  /** A multiaddr that is not `/ip4|ip6/…/udp/…/quic-v1`. */
  | 'bad-address'
  /** A certificate that the libp2p TLS specification does not allow. */
  | 'bad-certificate'
  /** The private key of the node is of a type that libp2p peers do not accept. */
  | 'unusable-key'
  /** The peer closed the connection while a stream was under way. */
  | 'connection-lost'
  /** A limit of `limits.ts` is reached. */
  | 'limit';

/** What went wrong in this transport, where libp2p has no error of its own for it. */
export class Libp2pTransportError extends Error {
  override readonly name = 'Libp2pTransportError';
  readonly code: Libp2pTransportErrorCode;

  constructor(
    code: Libp2pTransportErrorCode,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
