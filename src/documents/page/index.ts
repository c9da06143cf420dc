/**
 * Shared documents for pages: bundle `agentic-flow/documents/page`. Nothing that it imports is of Node.
 */
export { DocumentError, type DocumentErrorCode } from '../error.js';
export type { RemoteDocument } from '../remote-document.js';
export { gatewayAt } from './gateway.js';
export { createPageKeys, pageIdentity, type PageIdentity, type PageKeys } from './identity.js';
export { PageDocuments, type PageOptions } from './page-documents.js';
