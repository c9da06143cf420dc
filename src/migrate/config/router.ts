/** The model router: `router.json`. v1 took the first file that was there, in this order. */
import { join, resolve } from 'node:path';

import type { V1ConfigFile } from '../../v1/rows.js';
import type { Conversion, SettingsFile } from './conversion.js';
import type { Converted, RouterConfig } from './formats.js';
import { isObject, type JsonObject, newObject } from './json-text.js';

/** Where v1 looked for the keys of its providers. */
const KEY_VARIABLES: ReadonlyMap<string, string> = new Map([
  ['anthropic', 'ANTHROPIC_API_KEY'],
  ['openai', 'OPENAI_API_KEY'],
  ['openrouter', 'OPENROUTER_API_KEY'],
  ['gemini', 'GOOGLE_GEMINI_API_KEY'],
  ['google', 'GOOGLE_GEMINI_API_KEY'],
  ['requesty', 'REQUESTY_API_KEY'],
  ['huggingface', 'HUGGINGFACE_API_KEY'],
]);

export function convertRouter(conversion: Conversion): Converted<RouterConfig> | undefined {
  const files = [...conversion.files('router')].sort(
    (a, b) => rankOf(conversion, a) - rankOf(conversion, b),
  );
  const found: { file: V1ConfigFile; settings: SettingsFile }[] = [];
  for (const file of files) {
    const settings = conversion.settings(file);
    if (settings !== undefined) found.push({ file, settings });
  }
  const [used, ...shadowed] = found;
  if (used === undefined) return fromEnvironment(conversion);
  for (const { file } of shadowed) {
    conversion.note(
      file.name,
      `v1 did not read it, since ${used.file.name} comes first; not carried`,
    );
  }
  if (files[0] !== used.file) {
    const sentence = `used instead of ${files[0]!.name}, which v1 looked at first and cannot be read`;
    conversion.note(used.file.name, sentence);
  }
  conversion.note(
    used.file.name,
    'v2 has no model router yet; router.json holds what it will need',
  );
  return convert(conversion, used.file.name, used.settings.value);
}

function rankOf(conversion: Conversion, file: V1ConfigFile): number {
  const { directory, home } = conversion.installation;
  const named = conversion.variable('AGENTIC_FLOW_ROUTER_CONFIG');
  if (named !== undefined && resolve(directory, named) === file.path) return 0;
  const places = [
    join(home, '.agentic-flow', 'router.config.json'),
    join(directory, 'router.config.json'),
    join(directory, 'config', 'router.config.json'),
  ];
  const place = places.indexOf(file.path);
  return place < 0 ? places.length + 1 : place + 1;
}

function convert(conversion: Conversion, name: string, value: JsonObject): Converted<RouterConfig> {
  const { defaultProvider: chosen, fallbackChain: chain, providers, routing, ...rest } = value;
  const chosenOnes = conversion.copy([chosen ?? null, chain ?? null], name, '');
  const [defaultProvider, fallbackChain] = Array.isArray(chosenOnes) ? chosenOnes : [];
  const copied = newObject() as Record<string, JsonObject>;
  for (const [provider, settings] of Object.entries(isObject(providers) ? providers : {})) {
    const copy = conversion.copy(settings, name, provider, (property) =>
      /^api[_-]?key$/i.test(property) ? KEY_VARIABLES.get(provider.toLowerCase()) : undefined,
    );
    if (isObject(copy)) copied[provider] = copy;
    else conversion.quarantine(name, `its provider ${provider} is no object; not carried`);
  }
  const { rules, ...routed } = isObject(routing) ? routing : newObject();
  const carried = conversion.copy(Array.isArray(rules) ? rules.filter(isObject) : [], name, '');
  const left = conversion.copy({ ...rest, routing: routed }, name, '');
  return {
    from: [name],
    ...(typeof defaultProvider === 'string' ? { defaultProvider } : {}),
    fallbackChain: Array.isArray(fallbackChain)
      ? fallbackChain.filter((item): item is string => typeof item === 'string')
      : [],
    providers: copied,
    rules: Array.isArray(carried) ? carried.filter(isObject) : [],
    v1: isObject(left) ? left : {},
  };
}

/** v1 without a file made its settings from the environment. */
function fromEnvironment(conversion: Conversion): Converted<RouterConfig> | undefined {
  const providers = newObject() as Record<string, JsonObject>;
  for (const provider of ['anthropic', 'openrouter', 'gemini']) {
    const variable = KEY_VARIABLES.get(provider)!;
    if (conversion.variable(variable) === undefined) continue;
    providers[provider] = { apiKey: `\${${variable}}` };
  }
  const named = conversion.variable('PROVIDER');
  if (named === undefined && Object.keys(providers).length === 0) return undefined;
  return {
    from: ['environment'],
    defaultProvider: String(conversion.copy(named ?? 'anthropic', 'environment', '')),
    fallbackChain: [],
    providers,
    rules: [],
    v1: {},
  };
}
