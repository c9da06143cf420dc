/** Which tools of v1 there are, and which of them this server offers. */
import { ToolError } from './errors.js';
import {
  type Arguments,
  checkedArguments,
  type ObjectSchema,
  type ValueSchema,
} from './arguments.js';
import type { Tool } from './context.js';
import { descriptionOf } from './descriptions.js';
import { reasonAgainst } from './not-offered.js';
import { PACKAGES, type PackageName } from './packages.js';
import v1Tools from './schemas/v1-tools.json' with { type: 'json' };
import { chooseBetween, implementations } from './tools/index.js';

interface OfferedTool {
  readonly name: string;
  readonly packages: readonly PackageName[];
  readonly description: string;
  readonly inputSchema: ObjectSchema;
  /** Checks the arguments and says what is to be done with them. Throws `ToolError`. */
  prepare(given: unknown): { readonly tool: Tool; readonly args: Arguments };
}

interface MissingTool {
  readonly name: string;
  readonly packages: readonly PackageName[];
  readonly description: string;
  readonly reason: string;
}

export interface Catalogue {
  readonly offered: ReadonlyMap<string, OfferedTool>;
  readonly missing: ReadonlyMap<string, MissingTool>;
}

interface Variant {
  readonly packageName: PackageName;
  readonly description: string;
  readonly inputSchema: ObjectSchema;
}

const DRY_RUN: ValueSchema = {
  type: 'boolean',
  default: false,
  description: 'Show what would be written, and write nothing',
};

/** Arguments that the schemas of v1 do not have. */
const ADDED: Readonly<Record<string, Readonly<Record<string, ValueSchema>>>> = {
  agent_booster_edit_file: { dryRun: DRY_RUN },
  agent_booster_batch_edit: { dryRun: DRY_RUN },
  agent_booster_parse_markdown: { dryRun: DRY_RUN },
};

export function catalogueOf(packages: readonly PackageName[] = PACKAGES): Catalogue {
  const offered = new Map<string, OfferedTool>();
  const missing = new Map<string, MissingTool>();
  for (const [name, variants] of variantsOf(packages)) {
    const named = { name, packages: variants.map(({ packageName }) => packageName) };
    const tool = toolOf(name, variants);
    const [{ description = '' } = {}] = variants;
    if (tool === undefined) {
      missing.set(name, { ...named, description, reason: reasonAgainst(name) });
    } else {
      offered.set(name, { ...named, ...tool });
    }
  }
  return { offered, missing };
}

function variantsOf(packages: readonly PackageName[]): Map<string, Variant[]> {
  const found = new Map<string, Variant[]>();
  for (const [version, tools] of Object.entries(v1Tools.packages)) {
    const packageName = PACKAGES.find((name) => version.startsWith(`${name}@`));
    if (packageName === undefined || !packages.includes(packageName)) continue;
    for (const { name, description, inputSchema } of tools) {
      const schema = inputSchema as ObjectSchema;
      const added = ADDED[name];
      const properties = { ...schema.properties, ...added };
      const variant = {
        packageName,
        description,
        inputSchema: added === undefined ? schema : { ...schema, properties },
      };
      found.set(name, [...(found.get(name) ?? []), variant]);
    }
  }
  return found;
}

function toolOf(
  name: string,
  variants: readonly Variant[],
): Pick<OfferedTool, 'description' | 'inputSchema' | 'prepare'> | undefined {
  const made = variants.flatMap((variant) => {
    const tool = implementations[variant.packageName][name];
    return tool === undefined ? [] : [{ ...variant, tool }];
  });
  const [first, second] = made;
  if (first === undefined) return undefined;
  const description = descriptionOf(name, first.description, made.length > 1);
  if (second === undefined) {
    const { tool, inputSchema } = first;
    const prepare = (given: unknown) => ({ tool, args: checkedArguments(inputSchema, given) });
    return { description, inputSchema, prepare };
  }
  const inputSchema = united(first.inputSchema, second.inputSchema);
  const prepare = (given: unknown) => chosen(name, given, [first, second]);
  return { description, inputSchema, prepare };
}

/**
 * What both take: clients know no choice between schemas at the top. What one of the two needs is checked
 * when it is called.
 */
function united(first: ObjectSchema, second: ObjectSchema): ObjectSchema {
  const required = (first.required ?? []).filter((name) => second.required?.includes(name));
  return {
    type: 'object',
    properties: { ...second.properties, ...first.properties },
    ...(required.length === 0 ? {} : { required }),
  };
}

type Made = Variant & { readonly tool: Tool };

function chosen(
  name: string,
  given: unknown,
  variants: readonly [Made, Made],
): ReturnType<OfferedTool['prepare']> {
  const fitting: { made: Made; args: Arguments }[] = [];
  const faults: string[] = [];
  for (const made of variants) {
    try {
      const schema: ObjectSchema = { ...made.inputSchema, additionalProperties: false };
      fitting.push({ made, args: checkedArguments(schema, given) });
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      faults.push(`as in ${made.packageName}: ${error.message}`);
    }
  }
  const [one, other] = fitting;
  if (one === undefined)
    throw new ToolError(`the arguments fit neither form; ${faults.join('; ')}`);
  if (other === undefined) return { tool: one.made.tool, args: one.args };
  return chooseBetween(name, [
    { tool: one.made.tool, args: one.args },
    { tool: other.made.tool, args: other.args },
  ]);
}
