import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { runHistoriesOracle, type HistoryOutcome } from './histories.js';
import type { TraceOutcome } from './tendermint-itf.js';

/** What an oracle gives: counts, lines for a reader, and details for a program. */
interface OracleReport {
  readonly passed: number;
  readonly failed: number;
  readonly lines: readonly string[];
  readonly details?: unknown;
}

interface Oracle {
  readonly description: string;
  run(path: string): Promise<OracleReport>;
}

const oracles: Readonly<Record<string, Oracle>> = {
  linearizability: {
    description:
      'histories of clients (Jepsen logs, key-value and register histories in EDN): a file or a ' +
      'folder; the expected verdict is from EXPECTED.tsv, -ok or -bad in the name, or a folder ' +
      'named good or bad',
    run: async (path) => reportHistories(runHistoriesOracle(path)),
  },
  'etcd-raft': {
    description:
      'data-driven tests of etcd-io/raft: the folder with quorum, confchange, interaction',
    run: async (path) => {
      // Loaded when it is asked for: histories can be judged without the consensus cores.
      const { runEtcdRaftOracle } = await import('./etcd-raft.js');
      return runEtcdRaftOracle(path);
    },
  },
  crdt: {
    description:
      'editing traces of josephg/editing-traces, sequential or concurrent: a file or a folder; each is ' +
      'replayed through shared documents and their network, and compared with endContent',
    run: async (path) => {
      const { runCrdtOracle } = await import('./crdt.js');
      return runCrdtOracle(path);
    },
  },
  'tendermint-itf': {
    description:
      'traces of the Quint specification of Tendermint (circlefin/malachite) as ITF JSON, plain or ' +
      'gzipped: a file or a folder; those without states are named and not counted',
    run: async (path) => {
      const { runTendermintOracle } = await import('./tendermint-itf.js');
      return reportTraces(runTendermintOracle(path));
    },
  },
  v1: {
    description:
      'v1 installations below a folder: each is copied, migrated, checked against expected.json ' +
      'and _recoverable.json where there are any, and rolled back to the byte',
    run: async (path) => {
      const { runV1Oracle } = await import('./v1.js');
      return runV1Oracle(path);
    },
  },
};

function reportHistories(outcomes: readonly HistoryOutcome[]): OracleReport {
  const passed = outcomes.filter((outcome) => outcome.passed).length;
  const lines = outcomes.map((outcome) => {
    const { file, verdict, expected, steps } = outcome;
    const time = `${outcome.milliseconds.toFixed(1)} ms, ${steps} steps`;
    if (outcome.passed) return `ok      ${file}: ${verdict} (${time})`;
    const detail = outcome.detail === '' ? '' : `\n${outcome.detail.replace(/^/gm, '        ')}`;
    return `FAILED  ${file}: ${verdict}, expected ${expected ?? 'nothing known'} (${time})${detail}`;
  });
  return { passed, failed: outcomes.length - passed, lines, details: outcomes };
}

function reportTraces(outcomes: readonly TraceOutcome[]): OracleReport {
  const count = (wanted: TraceOutcome['verdict']): number =>
    outcomes.filter(({ verdict }) => verdict === wanted).length;
  const lines = outcomes.map(({ file, module, steps, verdict, detail }) => {
    if (verdict === 'passed') return `ok      ${file}: ${module ?? ''}, ${steps} steps`;
    return `${verdict === 'empty' ? 'empty ' : 'FAILED'}  ${file}: ${detail}`;
  });
  return { passed: count('passed'), failed: count('failed'), lines, details: outcomes };
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

async function run(name: string, path: string, options: { json?: boolean }): Promise<void> {
  const oracle = oracles[name];
  if (oracle === undefined || !Object.hasOwn(oracles, name)) {
    fail(`no oracle is named ${name}; there are: ${Object.keys(oracles).join(', ')}`);
  }
  if (!existsSync(path)) fail(`${path} does not exist; give the path of the ${name} data`);
  const report = await oracle.run(path).catch((error: unknown) => {
    return fail(`${name} stopped: ${error instanceof Error ? error.message : String(error)}`);
  });
  const { passed, failed, lines, details } = report;
  if (passed + failed === 0) {
    process.stderr.write(`nothing ran: ${path} holds no data of the kind that ${name} reads\n`);
  }
  if (options.json) {
    const rest = details === undefined ? { lines } : { results: details };
    process.stdout.write(`${JSON.stringify({ oracle: name, path, passed, failed, ...rest })}\n`);
  } else {
    process.stdout.write([...lines, `${passed} passed, ${failed} failed`, ''].join('\n'));
  }
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

const names = Object.entries(oracles).map(([name, { description }]) => `  ${name}: ${description}`);
await new Command('oracle')
  .description('Runs data that nobody in this project wrote against our implementation.')
  .argument('<name>', 'which oracle')
  .argument('<path>', 'file or folder with its data')
  .option('--json', 'print one JSON object and nothing else')
  .addHelpText('after', `\nOracles:\n${names.join('\n')}`)
  .action(run)
  .parseAsync();
