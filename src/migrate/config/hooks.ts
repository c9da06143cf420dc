/** Hooks of Claude Code's settings: `hooks.json`. They stay in the settings as well, unchanged. */
import type { Conversion } from './conversion.js';
import type { Converted, HooksConfig } from './formats.js';
import { isObject, type Json } from './json-text.js';

const CALLS_V1 = /\b(?:claude-flow|agentic-flow|ruv-swarm|agentdb|flow-nexus)\b/;

export function convertHooks(conversion: Conversion): Converted<HooksConfig> | undefined {
  const hooks: HooksConfig['hooks'] = [];
  const from = new Set<string>();
  for (const file of conversion.files('settings')) {
    const events = conversion.settings(file)?.value['hooks'];
    if (events === undefined) continue;
    if (!isObject(events)) {
      conversion.quarantine(file.name, '"hooks" is no object; no hook is carried');
      continue;
    }
    for (const [event, matchers] of Object.entries(events)) {
      const found = hooksOf(conversion, file.name, event, matchers);
      if (found.length > 0) from.add(file.name);
      hooks.push(...found);
    }
  }
  if (hooks.length === 0) return undefined;
  const calling = hooks.filter(({ callsV1 }) => callsV1).length;
  for (const name of from) {
    const sentence = `v2 has no hooks yet; all stay as they are, and ${calling} of ${hooks.length} call programs of v1`;
    conversion.note(name, sentence);
  }
  return { from: [...from], hooks };
}

function hooksOf(
  conversion: Conversion,
  file: string,
  event: string,
  matchers: Json,
): HooksConfig['hooks'] {
  if (!Array.isArray(matchers)) {
    conversion.quarantine(file, `its hooks of ${event} are no list; not carried`);
    return [];
  }
  return matchers.flatMap((entry) => {
    if (!isObject(entry)) return [];
    const { matcher, hooks } = entry;
    return (Array.isArray(hooks) ? hooks : []).flatMap((hook) => {
      const command = isObject(hook) ? hook['command'] : undefined;
      if (typeof command !== 'string') return [];
      return [
        {
          event,
          ...(typeof matcher === 'string'
            ? { matcher: String(conversion.copy(matcher, file, event)) }
            : {}),
          command: String(conversion.copy(command, file, event)),
          file,
          callsV1: CALLS_V1.test(command),
        },
      ];
    });
  });
}
