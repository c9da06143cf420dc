/** Migrates the memory of one v1 directory to a v2 store beside it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { rowHash } from '../memory/checksums.js';
import { syncFile } from '../memory/database.js';
import {
  type Embedder,
  type MemoryCounts,
  openV1Engine,
  openV2Engine,
  stageV2,
  type V1Engine,
  type V2Engine,
  validateStores,
  type ValidationReport,
} from '../memory/index.js';
import { Pace } from '../memory/pace.js';
import { copyDump } from '../memory/stage.js';
import { openV2File } from '../memory/v2-file.js';
import { OWN_PREFIX, V1_TABLES } from '../memory/v1-schema.js';
import {
  copyV1Directory,
  databaseHash,
  inspectV1Directory,
  MEMORY_FILE,
  type V1Inspection,
} from '../v1/index.js';
import { QUARANTINED_LISTED_MAX, SAMPLE_QUERIES_COUNT } from './limits.js';
import { type Manifest, readManifest, writeManifest } from './manifest.js';
import {
  type ExitCode,
  holdsData,
  type MigrationReport,
  type Phase,
  type PhaseName,
  type QuarantinedEntry,
} from './report.js';

/** Folder of v2 in a migrated directory. */
export const V2_FOLDER = '.agentic-flow';
export const V2_STORE_NAME = 'memory.v2.db';
const MANIFEST_NAME = 'migration.json';
const WORK_PREFIX = 'migration-';

export interface MigrationProgress {
  readonly phase: PhaseName;
  readonly done: number;
  readonly total: number;
}

export interface MigrationOptions {
  /** The v1 installation. Its own files are only read. */
  readonly directory: string;
  /** Say what would happen and write nothing. */
  readonly dryRun: boolean;
  /** Directory for a copy of the v1 memory; must not hold one yet. */
  readonly backupPath?: string;
  readonly onProgress?: (progress: MigrationProgress) => void;
  readonly embedder: Embedder;
  readonly signal?: AbortSignal;
}

/** Does not throw for what an operator can cause: the report says what failed, with exit code 1. */
export async function migrateDirectory(options: MigrationOptions): Promise<MigrationReport> {
  return new Migration(options).run();
}

class Migration {
  readonly #options: MigrationOptions;
  readonly #directory: string;
  readonly #folder: string;
  readonly #phases: Phase[] = [];
  #inspection: V1Inspection | undefined;
  #counts: MemoryCounts | undefined;
  #quarantined: QuarantinedEntry[] = [];
  #validation: ValidationReport | undefined;
  #backup: string | undefined;

  constructor(options: MigrationOptions) {
    this.#options = options;
    this.#directory = resolve(options.directory);
    this.#folder = join(this.#directory, V2_FOLDER);
  }

  async run(): Promise<MigrationReport> {
    const undo: (() => void)[] = [];
    try {
      const { dryRun } = this.#options;
      await this.#phase('analysis', () => this.#analyse());
      const source = join(this.#directory, MEMORY_FILE);
      const fileHash = existsSync(source) ? databaseHash(source) : '';
      const work = this.#makeWorkFolder(undo);
      const { path } = await copyV1Directory(this.#directory, join(work, 'v1'));
      const engine = openV1Engine(path);
      undo.push(() => engine.close());
      const contentHash = await this.#contentHash(engine);
      if (this.#isMigrated(fileHash, contentHash)) return this.#report('already-migrated', 3);
      if (dryRun) {
        await this.#phase('data', () => this.#tryCopy(engine, work));
        return this.#report('would-migrate', this.#exitCode());
      }
      await this.#migrate(engine, work, { path: source, fileHash, contentHash }, undo);
      return this.#report('migrated', this.#exitCode());
    } catch (error) {
      // A backup of a failed migration would only be in the way of the next try.
      if (this.#backup !== undefined) rmSync(this.#backup, { force: true });
      this.#backup = undefined;
      const reason = error instanceof Error ? error.message : String(error);
      return this.#report('failed', 1, reason);
    } finally {
      for (const step of undo.reverse()) step();
    }
  }

  /** The work lies in the same file system as the result, so that it can be renamed. */
  #makeWorkFolder(undo: (() => void)[]): string {
    if (this.#options.dryRun) {
      const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-'));
      undo.push(() => rmSync(folder, { recursive: true, force: true }));
      return folder;
    }
    const isNew = !existsSync(this.#folder);
    mkdirSync(this.#folder, { recursive: true });
    this.#removeAbandonedWork();
    const folder = mkdtempSync(join(this.#folder, `${WORK_PREFIX}${process.pid}-`));
    undo.push(() => {
      rmSync(folder, { recursive: true, force: true });
      const isUnused = isNew && !existsSync(join(this.#folder, V2_STORE_NAME));
      if (isUnused) rmSync(this.#folder, { recursive: true, force: true });
    });
    return folder;
  }

  /** What a killed migration left; the name tells whose it was. */
  #removeAbandonedWork(): void {
    for (const name of readdirSync(this.#folder)) {
      if (
        !name.startsWith(WORK_PREFIX) ||
        isAlive(Number.parseInt(name.slice(WORK_PREFIX.length), 10))
      ) {
        continue;
      }
      rmSync(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  async #analyse(): Promise<string> {
    this.#inspection = await inspectV1Directory(this.#directory);
    const { memory, others } = this.#inspection;
    const rows = memory?.rows ?? {};
    const wal = memory !== undefined && memory.walBytes > 0 ? ', some in the write-ahead log' : '';
    return `${rows['patterns'] ?? 0} memories, ${rows['pattern_links'] ?? 0} links${wal}; ${others.length} other stores and settings`;
  }

  #isMigrated(fileHash: string, contentHash: string): boolean {
    const store = join(this.#folder, V2_STORE_NAME);
    const manifest = readManifest(join(this.#folder, MANIFEST_NAME));
    if (!existsSync(store)) return false;
    const source = manifest?.source;
    if (source?.fileHash === fileHash || source?.contentHash === contentHash) return true;
    throw new Error(
      `${store} exists and was made from another state of this directory; move it away to migrate again`,
    );
  }

  async #migrate(
    engine: V1Engine,
    work: string,
    source: Manifest['source'],
    undo: (() => void)[],
  ): Promise<void> {
    const { backupPath, embedder, signal, onProgress } = this.#options;
    if (backupPath !== undefined) {
      await this.#phase('backup', async () => {
        const copied = await copyV1Directory(this.#directory, backupPath);
        this.#backup = copied.path;
        return copied.path;
      });
    }
    const staged = join(work, V2_STORE_NAME);
    await this.#phase('data', async () => {
      const result = await stageV2({
        source: engine,
        path: staged,
        embedder,
        onProgress: ({ done, total }) => onProgress?.({ phase: 'data', done, total }),
        ...(signal === undefined ? {} : { signal }),
      });
      this.#counts = result.counts;
      return `${result.counts.memories} memories, ${result.embedded} embedded`;
    });
    const store = openV2Engine(staged);
    undo.push(() => store.close());
    await this.#phase('validation', () => this.#validate(engine, store));
    this.#listQuarantine(store);
    store.sync();
    store.close();
    await this.#phase('finish', async () => this.#finish(staged, source));
  }

  async #validate(v1: V1Engine, v2: V2Engine): Promise<string> {
    const { embedder, signal } = this.#options;
    const sampling = { sampleQueries: SAMPLE_QUERIES_COUNT, embedder };
    const report = await validateStores(v1, v2, { ...sampling, ...(signal ? { signal } : {}) });
    this.#validation = report;
    if (!report.ok) {
      throw new Error(`the stores differ: ${report.mismatches.slice(0, 5).join('; ')}`);
    }
    return `all rows equal, ${report.queriesFound} of ${report.queries} queries find their memory`;
  }

  #finish(staged: string, source: Manifest['source']): string {
    const store = join(this.#folder, V2_STORE_NAME);
    const manifest = join(this.#folder, MANIFEST_NAME);
    writeManifest(manifest, {
      source,
      store: V2_STORE_NAME,
      migratedAt: new Date().toISOString(),
      counts: { ...this.#counts },
    });
    try {
      renameSync(staged, store);
    } catch (error) {
      rmSync(manifest, { force: true });
      throw error;
    }
    syncFile(dirname(store), 'must-exist');
    return store;
  }

  /** Everything but the embedding, on a copy in the temporary folder. */
  async #tryCopy(engine: V1Engine, work: string): Promise<string> {
    const path = join(work, V2_STORE_NAME);
    const database = openV2File(path, { create: true });
    const dump = engine.dump();
    try {
      const { embedder, signal } = this.#options;
      await copyDump(database, dump, new Pace(signal), { model: embedder.model, total: 0 });
    } finally {
      dump.close();
      database.close();
    }
    const store = openV2Engine(path);
    this.#counts = store.counts();
    this.#listQuarantine(store);
    store.close();
    return `${this.#counts.memories} memories would be embedded`;
  }

  #listQuarantine(store: V2Engine): void {
    const dump = store.dump();
    const entries: QuarantinedEntry[] = [];
    for (const { table, reason, row } of dump.quarantined()) {
      if (entries.length >= QUARANTINED_LISTED_MAX) break;
      const key = V1_TABLES.find(({ name }) => name === table)?.key ?? [];
      const name = key.map((column) => JSON.stringify(row[column] ?? null)).join(' ');
      entries.push({ table, reason, name });
    }
    dump.close();
    this.#quarantined = entries;
  }

  /** The same for the same rows in any order and any layout of the file. */
  async #contentHash(engine: V1Engine): Promise<string> {
    const dump = engine.dump();
    const pace = new Pace(this.#options.signal);
    let sum = 0n;
    try {
      for (const { table, row } of dump.records()) {
        if (!table.startsWith(OWN_PREFIX)) {
          sum = BigInt.asUintN(128, sum + BigInt(`0x${rowHash({ table, value: row })}`));
        }
        if (pace.isDue) await pace.pause();
      }
    } finally {
      dump.close();
    }
    return sum.toString(16).padStart(32, '0');
  }

  async #phase(name: PhaseName, work: () => Promise<string>): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const startedMs = performance.now();
    this.#options.onProgress?.({ phase: name, done: 0, total: 0 });
    const detail = await work();
    this.#phases.push({ name, seconds: (performance.now() - startedMs) / 1000, detail });
  }

  #exitCode(): ExitCode {
    const others = this.#inspection?.others ?? [];
    const isPartial = (this.#counts?.quarantined ?? 0) > 0 || others.some(holdsData);
    return isPartial ? 2 : 0;
  }

  #report(
    outcome: MigrationReport['outcome'],
    exitCode: ExitCode,
    error?: string,
  ): MigrationReport {
    const hasStore = outcome === 'migrated' || outcome === 'already-migrated';
    return {
      directory: this.#directory,
      dryRun: this.#options.dryRun,
      outcome,
      exitCode,
      phases: this.#phases,
      counts: this.#counts,
      quarantined: this.#quarantined,
      validation: this.#validation,
      notCarried: this.#inspection?.others ?? [],
      store: hasStore ? join(this.#folder, V2_STORE_NAME) : undefined,
      backup: this.#backup,
      error,
    };
  }
}

/** Whether a process of this id runs, whoever owns it. */
function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
