/** Who a node is, and where it is reached. */
export { createIdentity, identityFromPrivateKey, type Identity } from './identity.js';
export {
  PUBLIC_KEY_BYTES,
  peerIdFromCertificate,
  peerIdFromPublicKey,
  publicKeyFromRaw,
  rawPublicKey,
} from './certificate.js';
export { IdentityError, type IdentityErrorCode } from './identity-error.js';
export {
  formatHostPort,
  formatPeerAddress,
  isHost,
  isPeerId,
  parseHostPort,
  parsePeerAddress,
  type HostPort,
} from './peer-address.js';
