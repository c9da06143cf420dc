/** What is kept to shorten handshakes: keys of tickets given, sessions of tickets taken. */
export { TicketKeys, type TicketKeysOptions } from './ticket-keys.js';
export { DiskSessionStore, type SessionStoreOptions } from './session-store.js';
export { MemorySessionStore } from './memory-session-store.js';
export { TicketError, type TicketErrorCode } from './ticket-error.js';
