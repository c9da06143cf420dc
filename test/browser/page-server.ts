import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The compiled tree: a page imports its modules as they are. */
const DIST = new URL('../../', import.meta.url);
const FOLDERS =
  /^\/(?:transport\/(?:websocket|webtransport|rpc)|src\/documents(?:\/page)?|consensus|test\/browser)\/[a-z0-9-]+\.js$/;
/** What a bundler would put in: packages as they are for browsers, some without their `.js`. */
const PACKAGES = /^\/(node_modules\/(?:lib0|y-protocols|yjs|zod)\/[\w./-]*?)(\.m?js)?$/;
const IMPORTS = {
  yjs: '/node_modules/yjs/dist/yjs.mjs',
  zod: '/node_modules/zod/index.js',
  'y-protocols/awareness': '/node_modules/y-protocols/awareness.js',
  'lib0/': '/node_modules/lib0/',
};
const PAGE =
  '<!doctype html><title>test</title>' +
  `<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`;

/** The file of a module; undefined for what is none. */
function moduleAt(path: string): URL | undefined {
  if (FOLDERS.test(path)) return new URL(`.${path}`, DIST);
  const [, name, suffix = '.js'] = PACKAGES.exec(path) ?? [];
  if (name === undefined || name.includes('..')) return undefined;
  return new URL(`../${name}${suffix}`, DIST);
}

/** Serves an empty page, and the modules that a page imports, on all loopback addresses. */
export async function servePages(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const file = moduleAt(path);
    if (file === undefined) {
      response.setHeader('content-type', 'text/html');
      response.end(PAGE);
      return;
    }
    readFile(file).then(
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
