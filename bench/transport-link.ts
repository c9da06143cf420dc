/** What both processes of the transport bench agree on. */

/** TLS application protocol of the connection that carries one stream of bulk. */
export const BULK_PROTOCOL = 'agentic-flow-bench/1';
/** Windows of a stream and of a connection, on both transports the same. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 10 * 1024 * 1024;

/** What the server tells the client. `bulkPort` is that of the engine without calls; 0 for HTTP/2. */
export interface ServerAddress {
  readonly port: number;
  readonly bulkPort: number;
  readonly peerId: string;
  readonly certificatePem: string;
}
