import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import {
  type CatchingTest,
  type SourceMistake,
  type SourceMutant,
  mutate,
} from './source-mutant.js';

/** A mutant that makes the code loop must not hold up the others; on a busy machine sound tests take long. */
const RUN_MS_MAX = 300_000;
const REPORT_BYTES_MAX = 16 << 20;
/** The parts of vitest's report that are read. */
interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** How the tests named ended: all passed, one failed with a message, or one did not end. */
export type Outcome =
  | { readonly type: 'passed' }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'timeout' };

/** A copy of the compiled project in a temporary directory, in which code is broken on purpose. */
export class Workshop {
  private constructor(
    private readonly root: string,
    private readonly directory: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Copies `folders` of the compiled project at `root`. Tests get `environment` in addition. */
  static async open(
    root: string,
    folders: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<Workshop> {
    const directory = await mkdtemp(join(tmpdir(), 'mutants-'));
    for (const folder of folders) {
      const from = join(root, 'dist', folder);
      await cp(from, join(directory, 'dist', folder), { recursive: true });
    }
    for (const file of ['package.json', 'vitest.config.js']) {
      await cp(join(root, file), join(directory, file));
    }
    await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
    return new Workshop(root, directory, environment);
  }

  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Path of a compiled file in the copy, named by its source. */
  compiledPath(file: string): string {
    return join(this.directory, 'dist', file.replace(/\.ts$/, '.js'));
  }

  /** Makes the mistake in the copy; what it returns repairs it. */
  async make(mistake: SourceMistake): Promise<() => Promise<void>> {
    const source = await readFile(join(this.root, mistake.file), 'utf8');
    const compiled = this.compiledPath(mistake.file);
    const original = await readFile(compiled);
    const { outputText } = ts.transpileModule(mutate(mistake, source), {
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ES2022 },
    });
    await writeFile(compiled, outputText);
    return () => writeFile(compiled, original);
  }

  /** Runs the test that must catch `mutant` on code with that mistake, then repairs the code. */
  async tryMutant(mutant: SourceMutant): Promise<Outcome> {
    const repair = await this.make(mutant);
    try {
      return await this.run(mutant.caughtBy);
    } finally {
      await repair();
    }
  }

  /** Runs one test. Throws if its file cannot even be loaded, or has no such test. */
  async run({ file, name }: CatchingTest): Promise<Outcome> {
    const reportPath = join(this.directory, 'report.json');
    await rm(reportPath, { force: true });
    const hasEnded = await this.vitest([
      join('dist', 'test', `${file}.test.js`),
      '--reporter=json',
      `--outputFile=${reportPath}`,
      // Without a name, all of the file.
      ...(name === '' ? [] : [`--testNamePattern=${name.replaceAll(/[^\w ]/g, String.raw`\$&`)}`]),
    ]);
    if (!hasEnded) return { type: 'timeout' };
    const report = JSON.parse(await readFile(reportPath, 'utf8')) as Report;
    const tests = report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status, title }) => status !== 'skipped' && title.startsWith(name));
    if (tests.length === 0) {
      const why = report.testResults.map(({ message }) => message).join('; ');
      throw new Error(`no test of ${file} that begins with "${name}" was run. ${why}`);
    }
    const failure = tests.find(({ status }) => status === 'failed');
    if (failure === undefined) return { type: 'passed' };
    return { type: 'failed', message: failure.failureMessages[0] ?? '' };
  }

  private vitest(args: readonly string[]): Promise<boolean> {
    const vitest = join(this.root, 'node_modules', 'vitest', 'vitest.mjs');
    return new Promise((resolve, reject) => {
      execFile(
        process.execPath,
        [vitest, 'run', ...args],
        {
          cwd: this.directory,
          env: { ...process.env, ...this.environment },
          timeout: RUN_MS_MAX,
          killSignal: 'SIGKILL',
          maxBuffer: REPORT_BYTES_MAX,
        },
        (error, _stdout, stderr) => {
          // Exit code 1 means that tests failed, which is what is wanted here.
          if (error === null || error.code === 1) resolve(true);
          else if (error.killed === true) resolve(false);
          else reject(new Error(`vitest ended with ${String(error.code)}: ${stderr}`));
        },
      );
    });
  }
}
