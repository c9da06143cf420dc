import { defineConfig } from 'vitest/config';

const oracles = ['dist/test/oracle/**'];
/** Neither processes nor sockets nor what is changed for all: such files share their modules. */
const pure = ['consensus', 'sim', 'nodes/{control-plane,replica,rollout,wire}'].map(
  (folder) => `dist/test/${folder}/**/*.test.js`,
);
/** Files that wait for processes, sockets and timers more than they work. */
const waiting = [
  'e2e',
  'nodes/{driver,groups,health,snapshots}',
  'src/client',
  'transport/{libp2p,quic,rpc,webtransport,websocket}',
].map((folder) => `dist/test/${folder}/**/*.test.js`);
/**
 * Beside others on a busy machine processes are killed late and clocks stand still: such tests may run
 * a second time in the gate, which names each that needed it. What has no clock may not.
 */
const retry = process.env['CI'] === undefined ? 0 : 1;
/** A test that replaces what a module gives needs the module for itself. */
const replacing = ['dist/test/sim/raft/both-drivers.test.js'];

// Tests run on the compiled output, so that what is tested is what ships (worker files included).
// The projects run one after the other.
export default defineConfig({
  test: {
    pool: 'forks',
    // Only what hangs needs so long: no test fails because the machine is slow.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 180_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: pure,
          exclude: replacing,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'working',
          include: ['dist/test/**/*.test.js'],
          exclude: [...oracles, ...waiting, ...pure],
          retry,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'waiting',
          include: [...waiting, ...replacing],
          retry,
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
