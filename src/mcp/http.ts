/** The server over HTTP, for clients on other machines or in browsers: `/mcp`, with a token. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createMcpHandler, type McpHttpHandler } from '@modelcontextprotocol/server';
import { ToolError } from './errors.js';
import { CONNECTIONS_MAX, HEADERS_MS, MESSAGE_BYTES_MAX } from './limits.js';
import { ToolServer, type ToolServerOptions } from './server.js';

const PATH = '/mcp';
const TOKEN_BYTES = 32;
const TOKEN_CHARACTERS_MIN = 16;

export interface HttpOptions extends ToolServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** What clients must know; made when left out. Null for none, which only a loopback address may have. */
  readonly token?: string | null | undefined;
  /** Origins of pages that may call, besides those of this machine. */
  readonly origins?: readonly string[] | undefined;
}

export interface HttpService {
  readonly url: string;
  readonly token: string | null;
  /** Lets the calls under way end, and closes the store. */
  close(): Promise<void>;
}

/** Throws `ToolError` for options that would let anybody in; what the system says of the address. */
export async function serveOnHttp(options: HttpOptions): Promise<HttpService> {
  const { host, port, token = randomBytes(TOKEN_BYTES).toString('base64url') } = options;
  if (token === null && !isLoopback(host)) {
    throw new ToolError(`${host} can be reached from other machines: a token is needed there`);
  }
  if (token !== null && token.length < TOKEN_CHARACTERS_MIN) {
    throw new ToolError(`a token has at least ${TOKEN_CHARACTERS_MIN} characters`);
  }
  const tools = new ToolServer(options);
  const handler = createMcpHandler(() => tools.connection(), {
    maxRequestBodySize: MESSAGE_BYTES_MAX,
    onerror: (error) => process.stderr.write(`${error.message}\n`),
  });
  const gate: Gate = { token, origins: new Set(options.origins), isLocal: isLoopback(host) };
  const server = createServer(
    { requestTimeout: 0, headersTimeout: HEADERS_MS },
    (request, response) => {
      void answer(handler, gate, request, response);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  try {
    await listening(server, host, port);
  } catch (error) {
    await tools.close();
    throw error;
  }
  const { port: bound } = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound}${PATH}`,
    token,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await tools.close();
      await handler.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      server.on('error', (error) => process.stderr.write(`${error.message}\n`));
      resolve();
    });
  });
}

interface Gate {
  readonly token: string | null;
  readonly origins: ReadonlySet<string>;
  readonly isLocal: boolean;
}

async function answer(
  handler: McpHttpHandler,
  gate: Gate,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  try {
    const refused = refusalOf(gate, request);
    if (refused !== undefined) {
      const challenge = refused.status === 401 ? { 'www-authenticate': 'Bearer' } : {};
      response.writeHead(refused.status, { 'content-type': 'text/plain', ...challenge });
      response.end(`${refused.sentence}\n`);
      return;
    }
    await sent(await handler.fetch(webRequest(request, stop.signal)), response);
  } catch (error) {
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
    response.end();
    if (!stop.signal.aborted) process.stderr.write(`${String(error)}\n`);
  }
}

/**
 * Why a request is not let in. A page of another origin could otherwise call by way of a browser on this
 * machine, also under a name of its own that leads here (DNS rebinding).
 */
function refusalOf(
  { token, origins, isLocal }: Gate,
  { url = '', headers }: IncomingMessage,
): { status: number; sentence: string } | undefined {
  if (url.split('?', 1)[0] !== PATH) return { status: 404, sentence: `only ${PATH} is served` };
  if (isLocal && !isLoopback(hostnameOf(`http://${headers.host ?? ''}`))) {
    return { status: 403, sentence: 'the host is not this machine' };
  }
  const { origin } = headers;
  if (origin !== undefined && !origins.has(origin) && !isLoopback(hostnameOf(origin))) {
    return { status: 403, sentence: 'pages of this origin may not call; see --origin' };
  }
  if (token !== null && !isToken(headers.authorization, token)) {
    return { status: 401, sentence: 'the bearer token is missing or another one' };
  }
  return undefined;
}

function isToken(authorization: string | undefined, token: string): boolean {
  const [scheme = '', given = ''] = (authorization ?? '').split(' ', 2);
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return scheme.toLowerCase() === 'bearer' && a.length === b.length && timingSafeEqual(a, b);
}

function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replaceAll(/^\[|\]$/g, '') : '';
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

function webRequest(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    headers.append(request.rawHeaders[at]!, request.rawHeaders[at + 1]!);
  }
  const { method = 'GET' } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const body = hasBody ? (Readable.toWeb(request) as ReadableStream<Uint8Array>) : null;
  const init = { method, headers, body, signal, duplex: 'half' as const };
  return new Request(`http://localhost${request.url ?? PATH}`, init);
}

async function sent(answered: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  if (answered.body === null) {
    response.end();
    return;
  }
  for await (const chunk of answered.body) {
    if (!response.write(chunk)) {
      await new Promise((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    }
    if (response.destroyed) break;
  }
  response.end();
}
