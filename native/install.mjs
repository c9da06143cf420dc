// Builds the addon when the package is installed. It never fails the installation: without compiler,
// Python or headers the kernel runs as WebAssembly. AGENTIC_FLOW_SIMD=wasm or js skips the build.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const buildFolder = join(folder, 'build');
const addon = join(buildFolder, 'Release', 'vector_kernel.node');
const stampFile = join(buildFolder, 'stamp');
const logFile = join(folder, 'build.log');
const BUILD_MAX_MS = 120_000;

/** What the addon depends on: its sources and this Node. */
function stamp() {
  const hash = createHash('sha256').update(
    `${process.version} ${process.platform} ${process.arch}`,
  );
  for (const name of readdirSync(folder).sort()) {
    if (/\.(?:cpp|h|gyp)$/.test(name)) hash.update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex');
}

/** npm names its own node-gyp to install scripts; other package managers may have one installed. */
function findNodeGyp() {
  const given = process.env.npm_config_node_gyp;
  if (given && existsSync(given)) return given;
  const beside = join(
    dirname(process.execPath),
    '..',
    'lib',
    'node_modules',
    'npm',
    'package.json',
  );
  for (const from of [import.meta.url, beside]) {
    try {
      return createRequire(from).resolve('node-gyp/bin/node-gyp.js');
    } catch {
      // The next place.
    }
  }
  return undefined;
}

/** Headers that came with this Node; without them node-gyp would have to download some. */
function headersOption() {
  const prefix = join(dirname(process.execPath), '..');
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

function build() {
  const forced = process.env.AGENTIC_FLOW_SIMD;
  if (forced === 'wasm' || forced === 'js') return `AGENTIC_FLOW_SIMD is ${forced}`;
  const current = stamp();
  if (existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === current) {
    return undefined;
  }
  // An addon of other sources must not outlive a build that fails.
  rmSync(buildFolder, { recursive: true, force: true });
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined) return 'there is no node-gyp';
  const options = ['rebuild', '--directory', folder, '--jobs', 'max', ...headersOption()];
  const result = spawnSync(process.execPath, [nodeGyp, ...options], {
    encoding: 'utf8',
    timeout: BUILD_MAX_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  writeFileSync(logFile, `${result.error ?? ''}\n${result.stdout ?? ''}\n${result.stderr ?? ''}`);
  if (result.status !== 0 || !existsSync(addon)) return `node-gyp failed, see native/build.log`;
  writeFileSync(stampFile, current);
  return undefined;
}

let problem;
try {
  problem = build();
} catch (error) {
  problem = String(error);
}
if (problem !== undefined) {
  console.log(`agentic-flow: no native vector kernel (${problem}); WebAssembly is used instead`);
}
