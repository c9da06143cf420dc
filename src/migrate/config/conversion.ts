/** What the conversions of one plan share: the files, the scrubber, and what is told to the user. */
import { parseEnv } from 'node:util';

import type { ConfigKind, V1ConfigFile, V1Installation } from '../../v1/rows.js';
import { ConfigError } from './errors.js';
import { isObject, type Json, type JsonObject, parseJson } from './json-text.js';
import {
  DOCUMENT_BYTES_MAX,
  NOTE_CHARACTERS_MAX,
  NOTES_MAX,
  SETTINGS_BYTES_MAX,
} from './limits.js';
import type { PlanConfigOptions, QuarantinedConfig } from './plan-types.js';
import { printable } from './printable.js';
import { maskText, Scrubber } from './scrub.js';
import { isSecretName } from './secret-names.js';
import { findSecrets } from './secret-spans.js';
import { readSource, type SourceFile, type SourceReading } from './source-file.js';

/** A JSON file whose outermost value is an object. */
export interface SettingsFile {
  readonly source: SourceFile;
  readonly value: JsonObject;
}

export class Conversion {
  readonly installation: V1Installation;
  readonly scrubber = new Scrubber();
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal | undefined;
  readonly #notes: string[] = [];
  readonly #quarantined: QuarantinedConfig[] = [];
  readonly #settings = new Map<string, SettingsFile | undefined>();
  readonly #dotEnv = new Map<string, string>();
  #left = 0;

  constructor(installation: V1Installation, options: PlanConfigOptions) {
    this.installation = installation;
    this.#env = options.env ?? process.env;
    this.#signal = options.signal;
    for (const file of this.files('env')) this.#readEnvironment(file);
  }

  get roots(): readonly string[] {
    return [this.installation.directory, this.installation.home];
  }

  files(kind: ConfigKind): readonly V1ConfigFile[] {
    return this.installation.configs.filter((file) => file.kind === kind);
  }

  /** Of the process, else of the `.env`; v1 took an empty one as not there. */
  variable(name: string): string | undefined {
    const value = this.#env[name] ?? this.#dotEnv.get(name);
    return value === undefined || value === '' ? undefined : value;
  }

  dotEnvNames(): string[] {
    return [...this.#dotEnv.keys()];
  }

  note(name: string, sentence: string): void {
    this.#requireGoing();
    if (this.#notes.length < NOTES_MAX) this.#notes.push(`${name}: ${sentence}`);
    else this.#left += 1;
  }

  quarantine(name: string, reason: string): void {
    this.#requireGoing();
    if (this.#quarantined.length < NOTES_MAX) this.#quarantined.push({ name, reason });
    else this.#left += 1;
  }

  /** Masked, bounded, each once. */
  notes(): string[] {
    const notes = [...new Set(this.#notes.map((note) => this.#spoken(note)))];
    if (this.#left > 0) notes.push(`${this.#left} more notes and files are not listed`);
    return notes;
  }

  quarantined(): QuarantinedConfig[] {
    return this.#quarantined.map(({ name, reason }) => ({
      name: this.#spoken(name),
      reason: this.#spoken(reason),
    }));
  }

  /** Undefined if it cannot be read; it is in the list then. */
  settings(file: V1ConfigFile): SettingsFile | undefined {
    this.#requireGoing();
    if (!this.#settings.has(file.path)) this.#settings.set(file.path, this.#parse(file));
    return this.#settings.get(file.path);
  }

  text(file: V1ConfigFile, bytesMax = SETTINGS_BYTES_MAX): SourceFile | undefined {
    this.#requireGoing();
    return this.#take(file, bytesMax, true);
  }

  document(file: V1ConfigFile): SourceFile | undefined {
    this.#requireGoing();
    return this.#take(file, DOCUMENT_BYTES_MAX, false);
  }

  /** A copy of a value of the file `name`, with references instead of secrets; says which. */
  copy(
    value: Json,
    name: string,
    owner: string,
    variableOf?: (name: string) => string | undefined,
  ): Json {
    const variables = new Set<string>();
    const copied = this.scrubber.copy(value, {
      name: owner,
      replaced: (variable) => variables.add(variable),
      ...(variableOf === undefined ? {} : { variableOf }),
    });
    for (const variable of variables) {
      const set = this.variable(variable) !== undefined;
      const then = set ? 'which is set' : `set ${variable} for v2`;
      const sentence = `a secret stands in it; v2's copy refers to \${${variable}} instead, ${then}`;
      this.note(name, sentence);
    }
    return copied;
  }

  #parse(file: V1ConfigFile): SettingsFile | undefined {
    const source = this.text(file);
    if (source === undefined) return undefined;
    const reading = parseJson(source.text);
    if (!reading.ok) {
      this.quarantine(file.name, `line ${reading.line}: ${reading.reason}; kept as it is`);
      return undefined;
    }
    if (!isObject(reading.value)) {
      this.quarantine(file.name, 'line 1: its outermost value is no object; kept as it is');
      return undefined;
    }
    if (/"__proto__"\s*:/.test(source.text)) {
      this.note(file.name, 'keys named __proto__ are left out of the copy');
    }
    return { source, value: reading.value };
  }

  #take(file: V1ConfigFile, bytesMax: number, strict: boolean): SourceFile | undefined {
    const reading: SourceReading = readSource(file, this.roots, { bytesMax, strict });
    if (reading.ok) return reading.file;
    this.quarantine(file.name, `${reading.reason}; kept as it is`);
    return undefined;
  }

  /** A `.env` is never changed or copied; what it says of v1's own settings is. */
  #readEnvironment(file: V1ConfigFile): void {
    const source = this.text(file);
    if (source === undefined) return;
    for (const [name, value] of Object.entries(parseEnv(source.text))) {
      if (value === undefined) continue;
      if (!this.#dotEnv.has(name)) this.#dotEnv.set(name, value);
      const secret = isSecretName(name, value) || findSecrets(value).length > 0;
      if (secret && value !== '') this.scrubber.learn(name, value);
    }
  }

  #spoken(text: string): string {
    const bounded =
      text.length > NOTE_CHARACTERS_MAX ? `${text.slice(0, NOTE_CHARACTERS_MAX)}...` : text;
    return printable(this.scrubber.seal(maskText(bounded)));
  }

  #requireGoing(): void {
    if (this.#signal?.aborted !== true) return;
    const { directory } = this.installation;
    const sentence =
      'planning the configuration was interrupted, nothing was changed; run it again';
    throw new ConfigError('interrupted', sentence, directory);
  }
}
