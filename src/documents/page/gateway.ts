/** What a gateway says of itself. Pages load this file too: nothing of Node. */
import { z } from 'zod';
import type { OpenOptions } from '../../../transport/websocket/browser.js';
import { DocumentError, messageOf } from '../error.js';
import { GATEWAY_ANSWER_BYTES_MAX, GATEWAY_MS_MAX } from './limits.js';
import { PAGE_PROTOCOL } from './wire.js';

const answerShape = z.object({
  protocol: z.number(),
  webTransport: z.object({
    port: z.number().int().min(1).max(65_535),
    hashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(4),
  }),
});

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: ReadableStream<Uint8Array> | null;
}

/**
 * Asks a gateway (`https://host:port`, or `http:` on the loopback) how sessions are opened there: its
 * certificates for WebTransport change. Rejects with `DocumentError`: `unavailable`,
 * `unsupported-version`.
 */
export async function gatewayAt(url: string): Promise<OpenOptions> {
  let said: z.infer<typeof answerShape>;
  const where = addressOf(url);
  try {
    const signal = AbortSignal.timeout(GATEWAY_MS_MAX);
    const answer: Answer = await fetch(where, { signal, redirect: 'error' });
    if (!answer.ok) throw new Error(`it answers with ${answer.status}`);
    said = answerShape.parse(JSON.parse(await textOf(answer)));
  } catch (error) {
    const sentence = `the gateway ${where.href} does not say how it is reached: ${messageOf(error)}`;
    throw new DocumentError('unavailable', sentence, { cause: error });
  }
  if (said.protocol !== PAGE_PROTOCOL) {
    throw new DocumentError(
      'unsupported-version',
      `the gateway ${where.href} speaks version ${said.protocol} of the protocol of documents, and ` +
        `this page ${PAGE_PROTOCOL}: load the page of its release`,
    );
  }
  const { port, hashes } = said.webTransport;
  const webSocketUrl = where.href.replace(/^http/, 'ws');
  return {
    webTransportUrl: `https://${where.hostname}:${port}${where.pathname}`,
    serverCertificateHashes: hashes.map(bytesOf),
    webSocketUrl,
  };
}

function addressOf(url: string): URL {
  try {
    const where = new URL('/documents', url);
    if (/^https?:$/.test(where.protocol)) return where;
  } catch {
    // It is told below.
  }
  throw new DocumentError('unavailable', `${url} is no URL of a gateway: https://host:port is one`);
}

async function textOf({ body }: Answer): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let lengthBytes = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return text;
    lengthBytes += value.length;
    if (lengthBytes > GATEWAY_ANSWER_BYTES_MAX) {
      await reader.cancel();
      throw new Error(`it answers with more than ${GATEWAY_ANSWER_BYTES_MAX} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}
