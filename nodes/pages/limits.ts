/** Sessions of pages over WebTransport and over WebSocket, each. */
export const SESSIONS_MAX = 256;
/** Documents that one session has open at once. */
export const DOCUMENTS_PER_SESSION_MAX = 16;
/** A page shows who it is within this time. */
export const ADMISSION_MS_MAX = 10_000;
/** Of frames that have not come to their end, one session: two documents may come whole at a time. */
export const UNFINISHED_BYTES_PER_SESSION_MAX = 17 * 1024 * 1024;
/** The same, all sessions of a node together. */
export const UNFINISHED_BYTES_MAX = 128 * 1024 * 1024;
/** Connections of the server of WebSockets, also those that only ask what the gateway is. */
export const TCP_CONNECTIONS_MAX = 512;
/** The head of a request of HTTP comes within this time. */
export const HTTP_HEAD_MS_MAX = 10_000;
/** How long a session may still hear why it is over before it is closed. */
export const CLOSE_MS = 250;
/** A page takes a message within this time, or its session ends: what waits for it takes memory. */
export const SEND_MS_MAX = 60_000;
