export type IdentityErrorCode =
  /** The private key is not a readable Ed25519 key in PEM. */
  | 'bad-private-key'
  /** The certificate is not X.509, its key is not Ed25519, or it is not valid now. */
  | 'bad-certificate'
  /** An address is not `HOST:PORT` or `HOST:PORT#PEERID`. */
  | 'bad-address';

/** What is wrong with a key, a certificate or an address that somebody gave us. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: IdentityErrorCode;

  constructor(
    code: IdentityErrorCode,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
