import { randomBytes } from 'node:crypto';
import { loadNative } from '../../../transport/quic/quiche/native.js';

/** First packets of clients that never go on. */
export function initials(count: number): Buffer[] {
  const native = loadNative();
  const config = native.Config.withBoringSslCtx(
    false,
    true,
    undefined,
    undefined as never,
    undefined as never,
    'ed25519',
  );
  config.setApplicationProtos(['test']);
  const buffer = new Uint8Array(1_500);
  const host = '127.0.0.1';
  return Array.from({ length: count }, () => {
    const here = { host, port: 1 };
    const client = native.Connection.connect(undefined, randomBytes(16), here, here, config);
    const packet = client.send(buffer);
    return Buffer.from(buffer.subarray(0, packet?.[0] ?? 0));
  });
}
