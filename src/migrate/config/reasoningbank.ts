/** Settings of v1's ReasoningBank, YAML: `reasoningbank.json`. */
import { LineCounter, parseDocument } from 'yaml';

import type { Conversion } from './conversion.js';
import type { Converted, ReasoningbankConfig } from './formats.js';
import { cleanJson, isObject, type JsonObject } from './json-text.js';
import { DOCUMENT_BYTES_MAX, YAML_ALIASES_MAX } from './limits.js';
import type { SourceFile } from './source-file.js';

export function convertReasoningbank(
  conversion: Conversion,
): Converted<ReasoningbankConfig> | undefined {
  const files = conversion.files('reasoningbank-settings');
  let used: { name: string; value: JsonObject } | undefined;
  for (const file of files) {
    const source = conversion.text(file, DOCUMENT_BYTES_MAX);
    const value = source === undefined ? undefined : read(conversion, source);
    if (value === undefined) continue;
    if (used === undefined) used = { name: file.name, value };
    else
      conversion.note(file.name, `v1 did not read it, since ${used.name} comes first; not carried`);
  }
  if (used === undefined) return undefined;
  const { name, value } = used;
  // `findConfigPath` of 1.10.2 finds `dist/reasoningbank/config/reasoningbank.yaml` of the package first.
  const unread =
    'v1 1.10.2 took the file of its own package and never this one; v2 carries this one';
  conversion.note(name, unread);
  const inside = value['reasoningbank'];
  const settings = conversion.copy(isObject(inside) ? inside : value, name, 'reasoningbank');
  if (isObject(settings) && isObject(settings['embeddings'])) {
    conversion.note(name, 'its "embeddings" do not apply: v2 makes vectors with its own model');
  }
  return { from: [name], settings: isObject(settings) ? settings : {} };
}

function read(conversion: Conversion, source: SourceFile): JsonObject | undefined {
  const leave = (reason: string): undefined => {
    conversion.quarantine(source.name, `${reason}; kept as it is`);
    return undefined;
  };
  const lines = new LineCounter();
  try {
    const document = parseDocument(source.text, { lineCounter: lines, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) {
      const { line } = lines.linePos(error.pos[0]);
      return leave(`line ${line}: it is no YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`);
    }
    const value = cleanJson(document.toJS({ maxAliasCount: YAML_ALIASES_MAX }));
    return isObject(value) ? value : leave('line 1: its outermost value is no mapping');
  } catch (error) {
    // Too deep for the parser, or too many aliases.
    if (error instanceof RangeError) return leave('it is nested too deeply to be read');
    if (error instanceof ReferenceError) return leave('it has more aliases than are followed');
    throw error;
  }
}
