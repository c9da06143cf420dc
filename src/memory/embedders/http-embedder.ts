/** An embedder that asks a service with the interface of OpenAI's `/v1/embeddings`. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Embedder } from '../engine.js';
import { MemoryError } from '../errors.js';
import { createEmbedder, type EmbedderOptions } from './batching-embedder.js';
import {
  ANSWER_OVERHEAD_BYTES_MAX,
  ANSWER_TIMEOUT_MS,
  ATTEMPTS,
  BACKOFF_MAX_MS,
  BACKOFF_MS,
  COMPLAINT_CHARACTERS_MAX,
  COMPONENT_CHARACTERS_MAX,
  RETRY_AFTER_MAX_MS,
} from './limits.js';

export interface HttpEmbedderOptions extends Omit<EmbedderOptions, 'embed'> {
  /** Up to and without `/embeddings`, as `https://api.openai.com/v1`; http or https. */
  readonly baseUrl: string;
  /** Sent as a bearer token; no error repeats it. */
  readonly apiKey?: string;
  /**
   * Tells the service `dimensions`, for models that can shorten their vectors. The name of the vectors
   * then ends with `@` and the number, since those of different lengths are not of one kind.
   */
  readonly shorten?: boolean;
  /** For one answer. Default 30,000. */
  readonly timeoutMs?: number;
  /** Calls for one batch, the first included. Default 5. */
  readonly attempts?: number;
}

/** A failure that may be over when one tries again. */
class Transient extends Error {
  constructor(
    message: string,
    /** What the service asks to wait. */
    readonly retryAfterMs: number | undefined,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/**
 * Makes an embedder of a service. Overload (429), failures of the service (408, 5xx), of the network, and
 * answers that do not come in time are tried again, after what `Retry-After` says or with exponential
 * backoff; anything else fails at once. Redirects are refused: they would hand the key to another host.
 *
 * @throws MemoryError `invalid` if an option is no URL or out of its range.
 */
export function createHttpEmbedder(options: HttpEmbedderOptions): Embedder {
  const { model, dimensions, shorten = false, attempts = ATTEMPTS } = options;
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new MemoryError('invalid', 'attempts must be a whole number from 1');
  }
  const service = new Service(options);
  return createEmbedder({
    ...options,
    model: shorten ? `${model}@${dimensions}` : model,
    embed: async (texts, signal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await service.embed(texts, signal);
        } catch (error) {
          if (!(error instanceof Transient)) throw error;
          if (attempt >= attempts) {
            const times = attempts === 1 ? 'once' : `${attempts} times`;
            throw new MemoryError(
              'embedder',
              `${service.url} was asked ${times} and failed, the last time with: ${error.message}`,
              undefined,
              error,
            );
          }
          const backoffMs = Math.min(BACKOFF_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
          const spreadMs = backoffMs * (0.5 + Math.random() / 2);
          await sleep(error.retryAfterMs ?? spreadMs, undefined, { signal });
        }
      }
    },
  });
}

class Service {
  readonly url: string;
  readonly #headers: Record<string, string>;
  readonly #apiKey: string;
  readonly #request: Readonly<Record<string, unknown>>;
  readonly #timeoutMs: number;
  readonly #dimensions: number;

  constructor(options: HttpEmbedderOptions) {
    const { model, dimensions, shorten, apiKey = '', timeoutMs = ANSWER_TIMEOUT_MS } = options;
    this.url = serviceUrl(options.baseUrl);
    this.#headers = { 'content-type': 'application/json', accept: 'application/json' };
    if (!/^[\x21-\x7e]*$/.test(apiKey)) {
      throw new MemoryError('invalid', 'apiKey has characters that no header can carry');
    }
    if (apiKey !== '') this.#headers['authorization'] = `Bearer ${apiKey}`;
    this.#apiKey = apiKey;
    this.#request = {
      model,
      encoding_format: 'float',
      ...(shorten === true ? { dimensions } : {}),
    };
    this.#timeoutMs = timeoutMs;
    this.#dimensions = dimensions;
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<readonly number[][]> {
    const late = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await fetch(this.url, {
        method: 'POST',
        headers: this.#headers,
        body: JSON.stringify({ ...this.#request, input: texts }),
        redirect: 'manual',
        signal: AbortSignal.any([signal, late]),
      });
      const perVector = this.#dimensions * COMPONENT_CHARACTERS_MAX;
      const text = await boundedText(
        response,
        texts.length * perVector + ANSWER_OVERHEAD_BYTES_MAX,
      );
      if (response.status !== 200) throw this.#refusal(response, text);
      return parseAnswer(text, texts.length, this.url);
    } catch (error) {
      if (signal.aborted || error instanceof MemoryError || error instanceof Transient) throw error;
      if (late.aborted) throw new Transient(`no answer within ${this.#timeoutMs} ms`, undefined);
      // Of `fetch` and of a body that ends early: the reason is the cause, if there is one.
      const { message, cause } = error as Error & { cause?: unknown };
      const detail = cause instanceof Error ? `${message} (${cause.message})` : message;
      throw new Transient(detail, undefined, error);
    }
  }

  #refusal(response: Response, text: string): Error {
    const { status } = response;
    const safe = this.#apiKey === '' ? text : text.replaceAll(this.#apiKey, '(the key)');
    const complaint = complaintOf(safe);
    const sentence = `status ${status}${complaint === '' ? '' : `: ${complaint}`}`;
    if (status === 408 || status === 429 || status >= 500) {
      return new Transient(sentence, retryAfterMs(response.headers.get('retry-after')));
    }
    if (status >= 300 && status < 400) {
      const where = 'it sends elsewhere, which is not followed; give the final address as baseUrl';
      return new MemoryError('embedder', `${this.url} refused with status ${status}: ${where}`);
    }
    return new MemoryError('embedder', `${this.url} refused with ${sentence}`);
  }
}

function serviceUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new MemoryError('invalid', 'baseUrl is no http or https URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw new MemoryError('invalid', 'baseUrl must not hold a password; give it as apiKey');
  }
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/embeddings`;
  url.hash = '';
  return url.href;
}

/** Reads a body up to a bound; what is longer fails, whatever the service said of its length. */
async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += (piece as Uint8Array).length;
    if (bytes > bytesMax) {
      throw new MemoryError('embedder', `${response.url} answers with more than ${bytesMax} bytes`);
    }
    pieces.push(piece as Uint8Array);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The vectors by the order of the texts; their components are checked by the embedder. */
function parseAnswer(text: string, count: number, url: string): number[][] {
  const wrong = (what: string): MemoryError => {
    return new MemoryError('embedder', `${url} gave an answer that ${what}`);
  };
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw wrong('is no JSON');
  }
  const data = (answer as { data?: unknown } | null)?.data;
  if (!Array.isArray(data) || data.length !== count) {
    throw wrong(`has not \`data\` with ${count} elements, one a text`);
  }
  const vectors = new Map<number, number[]>();
  for (const [place, each] of data.entries()) {
    const { embedding, index = place } = (each ?? {}) as { embedding?: unknown; index?: unknown };
    if (typeof index !== 'number' || !Array.isArray(embedding)) {
      throw wrong('has an element without `index` and `embedding`');
    }
    vectors.set(index, embedding as number[]);
  }
  return Array.from({ length: count }, (_, place) => {
    const vector = vectors.get(place);
    if (vector === undefined) throw wrong(`has no vector for text ${place}`);
    return vector;
  });
}

/** What the service says in words: `error.message` as OpenAI has it, else the beginning of the body. */
function complaintOf(text: string): string {
  let said = text;
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } | string };
    const message = typeof error === 'string' ? error : error?.message;
    if (typeof message === 'string') said = message;
  } catch {
    // Not JSON: the body itself is what it says.
  }
  return said
    .slice(0, COMPLAINT_CHARACTERS_MAX)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}

/** Seconds or a date (RFC 9110 10.2.3); undefined if the header is neither. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}
