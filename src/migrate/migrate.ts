/** One v1 installation to a v2 store beside it: analysis, backup, data, configuration, validation. */
import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';

import type { Embedder } from '../memory/index.js';
import type { StoreLock } from '../memory/store/lock.js';
import { databaseHash, type V1Store } from '../v1/index.js';
import { type Analysis, analyseIfAny } from './analysis.js';
import { type Backup, copyOf, makeBackup, readBackup, verifyBackup } from './backup/index.js';
import {
  type Begun,
  refuseForeignStore,
  refuseHalfRollback,
  refuseNode,
  refuseOtherFolder,
  requireAccess,
  requireSameOptions,
  requireStores,
} from './begun.js';
import { applyConfig, type ConfigPlan, planConfig } from './config/index.js';
import { migrateData, openArchive } from './data/index.js';
import { planMigration, planUpdate } from './dry-run.js';
import { checkSpace } from './estimate.js';
import { MigrationError } from './errors.js';
import { carryLateRows } from './late-rows.js';
import { lockDirectory } from './lock.js';
import { realDirectory, stagedFiles, v2Files } from './files.js';
import { type Manifest, readManifest, writeManifest } from './manifest.js';
import { placeFile } from './place-store.js';
import { lookThrough, withReadings } from './readings.js';
import type { MigrationReport, PhaseName } from './report.js';
import { ReportBuilder } from './report-builder.js';
import { changesOfBackedUp, settingsOf } from './settings.js';
import { type MigrationState, readState, writeState } from './state.js';
import { undoMigration } from './undo.js';
import { validateRows, validateUse } from './validation/index.js';

const STILL_WRITING = '; v1 goes on writing, run this again to carry that';

export interface MigrationProgress {
  readonly phase: PhaseName;
  readonly done: number;
  /** 0: nobody knows of how much. */
  readonly total: number;
}

export interface MigrationOptions {
  /** The v1 installation. */
  readonly directory: string;
  /** Say what would happen and write nothing. */
  readonly dryRun?: boolean;
  /** V1 stays in use: its settings are left as they are, and what v2 writes reaches it too. */
  readonly sideBySide?: boolean;
  /** Where the backup is made; beside the directory when left out. */
  readonly backupPath?: string | undefined;
  /** Home directory; that of the user when left out. */
  readonly home?: string | undefined;
  /** Environment in which v1 ran; that of this process when left out. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly embedder: Embedder;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
  /** Asked once, before anything is written. */
  readonly confirm?: ((plan: MigrationReport) => Promise<boolean>) | undefined;
}

/**
 * Does not throw for what an operator can cause: the report says what failed, with exit code 1. A run that
 * was killed or interrupted is gone on with by the next one.
 */
export async function migrateDirectory(options: MigrationOptions): Promise<MigrationReport> {
  return new Migration(options).run();
}

class Migration {
  readonly #options: MigrationOptions;
  readonly #directory: string;
  #home: string;
  readonly #files: ReturnType<typeof v2Files>;
  readonly #report: ReportBuilder;
  #mode: MigrationState['mode'];
  #lock: StoreLock | undefined;
  /** A backup that no state tells of yet. */
  #madeBackup: string | undefined;
  /** What must be undone when this run fails; nothing until something was written. */
  #undo: 'nothing' | 'work' | 'settings' = 'nothing';

  constructor(options: MigrationOptions) {
    this.#options = options;
    this.#directory = realDirectory(options.directory);
    this.#home = realDirectory(options.home ?? homedir());
    this.#files = v2Files(this.#directory);
    this.#mode = options.sideBySide === true ? 'side-by-side' : 'cut-over';
    this.#report = new ReportBuilder(this.#directory, options.onProgress, options.signal);
  }

  async run(): Promise<MigrationReport> {
    try {
      refuseNode(this.#directory);
      const manifest = readManifest(this.#directory);
      const found = readState(this.#directory);
      refuseHalfRollback(this.#directory, (found ?? manifest)?.backup);
      this.#goOnAs(found ?? manifest);
      const analysis = await this.#report.phase('analysis', () => this.#analyse());
      if (analysis === undefined) return this.#report.end('nothing-to-migrate', 3);
      refuseOtherFolder(this.#directory);
      requireAccess(this.#directory, analysis.installation);
      if (manifest === undefined) refuseForeignStore(this.#directory, found);
      if (found?.step === 'data') requireStores(found, analysis.usable);
      if (found !== undefined) {
        const sentence =
          'a migration of this directory was begun and stopped; a run goes on with it';
        this.#report.noticed({ problems: [sentence] });
      }
      if (this.#options.dryRun === true) {
        const dry = {
          ...this.#dataOptions('data'),
          config: this.#configOptions(),
          report: this.#report,
        };
        if (manifest === undefined) return await planMigration(this.#directory, analysis, dry);
        return await planUpdate(this.#directory, manifest, analysis, dry);
      }
      if (!(await this.#isConfirmed())) return this.#report.end('declined', 1);
      // Killed when all was done: what is left of its work is removed.
      if (manifest !== undefined) return await this.#update(manifest, found !== undefined);
      if (found === undefined) checkSpace(this.#directory, analysis);
      // The backup comes first: it holds the times of folders, which the first file of ours changes.
      const state = found ?? (await this.#report.phase('backup', () => this.#backUp(analysis)));
      this.#takeLock(state, found !== undefined);
      this.#undo = 'work';
      this.#mode = state.mode;
      return await this.#migrate(analysis, state);
    } catch (error) {
      return this.#fail(error);
    } finally {
      this.#lock?.release();
      this.#tidy();
    }
  }

  /** A migration is gone on with as it was begun. */
  #goOnAs(begun: Begun | undefined): void {
    if (begun === undefined) return;
    requireSameOptions(this.#directory, begun, this.#options);
    this.#home = begun.home;
    this.#mode = begun.mode;
  }

  async #analyse() {
    const { env, signal, onProgress } = this.#options;
    const analysis = await analyseIfAny({
      directory: this.#directory,
      home: this.#home,
      env,
      signal,
      onProgress: (done, total) => onProgress?.({ phase: 'analysis', done, total }),
    });
    if (analysis === undefined) return { value: undefined, detail: 'nothing of v1' };
    this.#report.analysed(analysis);
    const { usable, unusable, installation } = analysis;
    const left = unusable.length === 0 ? '' : `, ${unusable.length} files that cannot be read`;
    const detail = `${usable.length} stores, ${installation.configs.length} configuration files${left}`;
    return { value: analysis, detail };
  }

  async #isConfirmed(): Promise<boolean> {
    const { confirm } = this.#options;
    return confirm === undefined || (await confirm(this.#report.end('would-migrate', 0)));
  }

  /** Throws `busy` where another process migrates this directory. */
  #takeLock(state: MigrationState | undefined, isFound: boolean): void {
    this.#lock = lockDirectory(this.#directory);
    if (state === undefined || isFound) return;
    if (readState(this.#directory) !== undefined || readManifest(this.#directory) !== undefined) {
      throw new MigrationError(
        'busy',
        `${this.#directory} was migrated by another process meanwhile; run this again to see its result`,
        this.#directory,
      );
    }
    writeState(this.#directory, state);
    this.#madeBackup = undefined;
  }

  async #migrate(analysis: Analysis, found: MigrationState): Promise<MigrationReport> {
    let state = found;
    this.#report.backedUp(state.backup);
    if (state.step === 'data') {
      await this.#makeStore(analysis, state);
      state = await this.#report.phase('late rows', () => this.#carryLateRows(state));
      await this.#report.phase('validation', () => this.#validateSearches());
    } else {
      this.#readArchived();
    }
    const plan = await this.#planSettings(analysis, state);
    if (state.step === 'data') {
      state = { ...state, ...settingsOf(plan), step: 'config' };
      writeState(this.#directory, state);
    }
    refuseForeignStore(this.#directory, state);
    this.#undo = 'settings';
    await this.#report.phase('configuration', () => this.#writeSettings(plan));
    writeState(this.#directory, { ...state, step: 'finish' });
    await this.#report.phase('finish', async () => this.#finish(state));
    return this.#report.end('migrated', this.#report.exitCode());
  }

  /** What the run before found in the rows. */
  #readArchived(): void {
    const staged = stagedFiles(this.#directory).archive;
    const archive = openArchive(existsSync(staged) ? staged : this.#files.archive);
    try {
      this.#report.refused(archive);
    } finally {
      archive.close();
    }
  }

  async #backUp(analysis: Analysis) {
    const { signal, onProgress, backupPath } = this.#options;
    const startedMs = Date.now();
    const sources = Object.fromEntries(
      analysis.usable.map(({ name, path }) => [name, databaseHash(path)]),
    );
    const backup = await makeBackup({
      installation: analysis.installation,
      ...(backupPath === undefined ? {} : { to: resolve(backupPath) }),
      ...(signal === undefined ? {} : { signal }),
      onProgress: ({ done, total }) => onProgress?.({ phase: 'backup', done, total }),
    });
    const isBackupKept = Date.parse(backup.madeAt) < startedMs;
    if (!isBackupKept) this.#madeBackup = backup.path;
    const state: MigrationState = {
      format: 1,
      isBackupKept,
      step: 'data',
      mode: this.#mode,
      home: this.#home,
      backup: backup.path,
      sources,
      changed: {},
      added: [],
    };
    return { value: state, detail: backup.path };
  }

  /** From the backup, so that a run after a kill reads the same. */
  async #makeStore(analysis: Analysis, state: MigrationState): Promise<void> {
    const backup = readBackup(state.backup);
    const { signal } = this.#options;
    await verifyBackup(backup, signal === undefined ? {} : { signal });
    // One that came since is carried with the late rows.
    const stores = analysis.usable
      .filter(({ name }) => state.sources[name] !== undefined)
      .map((store) => copiedStore(store, backup));
    await withReadings(stores, this.#files.work, async (readings) => {
      await this.#report.phase('data', async () => {
        const data = await migrateData({
          ...this.#dataOptions('data'),
          readings,
          work: this.#files.work,
        });
        this.#report.read(data);
        await lookThrough(readings, this.#report, this.#options.signal);
        return { value: undefined, detail: `${data.embedded} texts embedded` };
      });
      await this.#report.phase('validation', async () => {
        const rows = await validateRows(
          readings,
          stagedFiles(this.#directory),
          this.#options.signal,
        );
        this.#report.comparedRows(rows);
        return { value: undefined, detail: `${rows.compared} rows compared` };
      });
    });
  }

  async #carryLateRows(state: MigrationState) {
    const late = await carryLateRows({
      ...this.#lateOptions(),
      ...stagedFiles(this.#directory),
      home: state.home,
      isMirrored: false,
      sources: state.sources,
    });
    this.#report.late(late);
    const rest = late.isStillWriting ? STILL_WRITING : '';
    return {
      value: { ...state, sources: { ...late.sources } },
      detail: `${late.added} rows that v1 wrote meanwhile${rest}`,
    };
  }

  async #validateSearches() {
    const { embedder, signal } = this.#options;
    const { searches, replay } = await validateUse(stagedFiles(this.#directory), embedder, signal);
    this.#report.searched(searches, replay);
    const percent = (searches.recall * 100).toFixed(1);
    return {
      value: undefined,
      detail: `${searches.queries} searches, recall ${percent} %; ${replay.calls} calls of v1 replayed`,
    };
  }

  async #planSettings(analysis: Analysis, { backup }: MigrationState): Promise<ConfigPlan> {
    const plan = await planConfig(analysis.installation, this.#configOptions());
    return changesOfBackedUp(plan, readBackup(backup));
  }

  async #writeSettings(plan: ConfigPlan) {
    await applyConfig(plan);
    this.#report.configured(plan);
    return { value: undefined, detail: `${plan.changes.length} files written` };
  }

  /** Each step can be done again. */
  #finish(state: MigrationState) {
    const { store, archive, work } = this.#files;
    refuseForeignStore(this.#directory, { ...state, step: 'finish' });
    const staged = stagedFiles(this.#directory);
    placeFile(staged.store, store);
    placeFile(staged.archive, archive);
    const { mode, home, backup, sources, changed, added } = state;
    const migratedAt = new Date().toISOString();
    writeManifest(this.#directory, { mode, home, backup, sources, changed, added, migratedAt });
    this.#undo = 'nothing';
    rmSync(work, { recursive: true, force: true });
    this.#report.finished(this.#files);
    return { value: undefined, detail: store };
  }

  /** A directory that was migrated before: what v1 has written since. */
  async #update(manifest: Manifest, isFinishing: boolean): Promise<MigrationReport> {
    const { store, archive, state } = this.#files;
    this.#takeLock(undefined, false);
    rmSync(state, { force: true });
    if (!existsSync(manifest.backup)) {
      const sentence = `the backup ${manifest.backup} is gone: there is no way back to v1 without a copy of it`;
      this.#report.noticed({ problems: [sentence] });
    }
    if (isFinishing) this.#readArchived();
    this.#report.backedUp(manifest.backup);
    this.#report.finished(this.#files);
    const late = await this.#report.phase('late rows', async () => {
      const value = await carryLateRows({
        ...this.#lateOptions(),
        store,
        archive,
        home: manifest.home,
        isMirrored: manifest.mode === 'side-by-side',
        sources: manifest.sources,
      });
      const rest = value.isStillWriting ? STILL_WRITING : '';
      return { value, detail: `${value.added} rows that v1 has written since${rest}` };
    });
    this.#report.late(late);
    writeManifest(this.#directory, { ...manifest, sources: { ...late.sources } });
    if (isFinishing) return this.#report.end('migrated', this.#report.exitCode());
    if (late.added === 0) return this.#report.end('already-migrated', 3);
    return this.#report.end('updated', this.#report.exitCode());
  }

  #dataOptions(phase: PhaseName) {
    const { embedder, signal, onProgress } = this.#options;
    return {
      embedder,
      ...(signal === undefined ? {} : { signal }),
      onProgress: ({ done, total }: { done: number; total: number }) =>
        onProgress?.({ phase, done, total }),
    };
  }

  #lateOptions() {
    return {
      ...this.#dataOptions('late rows'),
      directory: this.#directory,
      env: this.#options.env,
      work: this.#files.work,
    };
  }

  #configOptions() {
    const { env } = this.#options;
    return { sideBySide: this.#mode === 'side-by-side', ...(env === undefined ? {} : { env }) };
  }

  async #fail(error: unknown): Promise<MigrationReport> {
    if (this.#options.signal?.aborted === true) {
      const rest = existsSync(this.#files.state)
        ? '; run the same command again to go on, or add --rollback to remove what is there'
        : '';
      return this.#report.fail(error, rest);
    }
    const reason = error instanceof Error ? error.message : String(error);
    try {
      await undoMigration(this.#directory, this.#undo);
      // The process that was faster may have taken this backup for its own.
      const isBusy = error instanceof MigrationError && error.code === 'busy';
      if (this.#madeBackup !== undefined && !isBusy) {
        rmSync(this.#madeBackup, { recursive: true, force: true });
      }
    } catch (undoError) {
      const more = undoError instanceof Error ? undoError.message : String(undoError);
      return this.#report.end('failed', 1, `${reason}. Going back failed as well: ${more}`);
    }
    return this.#report.end('failed', 1, reason);
  }

  /** Folders that nothing was put in. Without the lock they are of somebody else. */
  #tidy(): void {
    if (this.#lock === undefined) return;
    if (!existsSync(this.#files.state)) {
      rmSync(this.#files.work, { recursive: true, force: true });
    }
    try {
      rmdirSync(this.#files.folder);
    } catch {
      // It holds something, or is not there.
    }
  }
}

/** The same store in the backup; its companions lie beside it there as well. */
function copiedStore(store: V1Store, backup: Backup): V1Store {
  const path = copyOf(backup, store.path);
  if (path !== undefined) return { ...store, path };
  throw new MigrationError(
    'invalid',
    `${store.path} is not in the backup ${backup.path}; add --rollback, then migrate again`,
    store.path,
  );
}
