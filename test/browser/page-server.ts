import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The compiled tree: a page imports its modules as they are. */
const DIST = new URL('../../', import.meta.url);
const FOLDERS = /^\/(?:transport\/(?:websocket|webtransport)|test\/browser)\/[a-z0-9-]+\.js$/;

/** Serves an empty page, and the modules that a page imports, on all loopback addresses. */
export async function servePages(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (!FOLDERS.test(path)) {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>test</title>');
      return;
    }
    readFile(new URL(`.${path}`, DIST)).then(
      (source) => {
        response.setHeader('content-type', 'text/javascript');
        response.end(source);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}
