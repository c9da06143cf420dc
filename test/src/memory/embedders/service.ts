/** A service with the interface of OpenAI's embeddings, on loopback, that answers as it is told. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: { readonly input: readonly string[]; readonly [key: string]: unknown };
}

export type Answer = (asked: Asked, response: ServerResponse) => void;

export class Service {
  readonly asked: Asked[] = [];
  /** Answers of the next calls, in order; after them `vectorsOf`. */
  readonly answers: Answer[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<Service> {
    const service = new Service();
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const piece of request) text += String(piece);
    const asked: Asked = {
      path: request.url ?? '',
      authorization: request.headers.authorization,
      body: JSON.parse(text) as Asked['body'],
    };
    this.asked.push(asked);
    const answer = this.answers.shift();
    if (answer === undefined) json(200, { data: vectorsOf(asked.body.input) })(asked, response);
    else answer(asked, response);
  }
}

/** Of three components; the first is the length of the text. */
export function vectorsOf(texts: readonly string[]): { index: number; embedding: number[] }[] {
  return texts.map((text, index) => ({ index, embedding: [text.length, 1, 0.5] }));
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_asked, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}
