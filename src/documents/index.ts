/** Documents that several peers edit at the same time. */
export { authorOf } from './author.js';
export { authorOfClient, clientIdOf, type Author } from './client-id.js';
export { DocumentStore, checkName } from './document-store.js';
export { DocumentError, type DocumentErrorCode } from './error.js';
export type { NodeMessage } from './messages.js';
export { PeerScores } from './peer-scores.js';
export { RemoteDocument, type OpenStream, type RemoteDocumentOptions } from './remote-document.js';
export { accessShape, rightsShape, type DocumentAccess, type Rights } from './rights.js';
export { Presences, type Presence } from './presence.js';
export { serveSession, type SessionPeer, type SessionPorts } from './session.js';
export type { DocumentObserver, SharedDocument } from './shared-document.js';
export { checkUpdate } from './update-check.js';
