import { dirname, join } from 'node:path/posix';
import ts from 'typescript';

/** A breach of the rules of docs/ARCHITECTURE.md, in a sentence. */
export interface Violation {
  /** Path from the root of the project. */
  readonly file: string;
  readonly line: number;
  readonly sentence: string;
}

/** Lines of one file. STYLE asks for about 400; this is where a file must be divided. */
export const fileLinesMax = 450;

/** Files that may be longer, each with the reason. */
export const longFilesAllowed: ReadonlyMap<string, string> = new Map();

/** State machines without input and output: what is simulated is what runs. */
const coreFolders = [
  'consensus',
  'nodes/control-plane',
  'nodes/rollout',
  'nodes/replica',
  'nodes/assert.ts',
];

/** The libraries of src, which know nobody above; the rest of src sits on top. */
const libraryFolders = [
  'client',
  'documents',
  'frame-log',
  'compat',
  'memory',
  'migrate',
  'agents',
  'router',
  'booster',
  'learning',
  'monitor',
  'security',
  'topics',
  'v1',
].map((name) => `src/${name}`);

const topOfSource = ['src/chaos', 'src/cli', 'src/mcp', 'src/version.ts', 'src/index.ts'];

/** Which parts each part may import. Parts that are not named here may import everything. */
const mayImport: ReadonlyMap<string, readonly string[]> = new Map([
  ['transport', ['transport']],
  ['consensus', ['consensus']],
  ['library', ['library', 'transport', 'consensus']],
  ['core', ['core', 'consensus']],
  ['nodes', ['nodes', 'core', 'library', 'transport', 'consensus']],
  // Of nodes the simulator takes what reaches no input or output: see `checkReach`.
  ['sim', ['sim', 'nodes', 'core', 'consensus']],
  ['top', ['top', 'nodes', 'core', 'library', 'transport', 'consensus', 'sim']],
]);

/** Of these, cores and simulator see types only: nothing of a type remains at run time. */
const typesForCores = ['library', 'nodes', 'transport'];

function isBelow(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}/`);
}

/** The part of the architecture that a file belongs to; null for one that has no place in it. */
export function partOf(file: string): string | null {
  const first = file.split('/')[0]!;
  if (first === 'transport' || first === 'consensus' || first === 'sim') return first;
  if (['bench', 'examples', 'test'].includes(first)) return first;
  if (first === 'nodes') return coreFolders.some((core) => isBelow(file, core)) ? 'core' : first;
  if (libraryFolders.some((library) => isBelow(file, library))) return 'library';
  return topOfSource.some((top) => isBelow(file, top)) ? 'top' : null;
}

/** Whether a file is a core: pure, without packages, clock, chance and promises. */
export function isCore(file: string): boolean {
  return coreFolders.some((core) => isBelow(file, core));
}

/** Checks the imports and the purity of one source file. `file` is its path from the root. */
export function checkSource(file: string, text: string): Violation[] {
  const part = partOf(file);
  if (part === null) {
    const sentence = 'has no place in docs/ARCHITECTURE.md (section Folders)';
    return [{ file, line: 1, sentence }];
  }
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const violations = importsOf(source).flatMap((found) => {
    const sentence = judgeImport(file, part, found);
    return sentence === null ? [] : [{ file, line: found.line, sentence }];
  });
  return isCore(file) ? [...violations, ...impurities(file, source)] : violations;
}

interface FoundImport {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

function importsOf(source: ts.SourceFile): FoundImport[] {
  const found: FoundImport[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      found.push({ specifier: specifier.text, typeOnly, line: lineOf(source, node) });
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, importsTypesOnly(node));
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, true);
    } else if (ts.isCallExpression(node)) {
      const callee = node.expression;
      const isRequire = ts.isIdentifier(callee) && callee.text === 'require';
      if (isRequire || callee.kind === ts.SyntaxKind.ImportKeyword) {
        add(node, node.arguments[0], false);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** `import { type A }` does not count: under verbatimModuleSyntax it still loads the module. */
function importsTypesOnly(node: ts.ImportDeclaration): boolean {
  return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function judgeImport(file: string, part: string, found: FoundImport): string | null {
  const { specifier, typeOnly } = found;
  if (!specifier.startsWith('.')) {
    if (isCore(file)) return `a core imports nothing from outside, but this is ${specifier}`;
    return null;
  }
  const target = resolve(file, specifier);
  const targetPart = partOf(target);
  if (targetPart === null) return `imports ${target}, which has no place in the architecture`;
  const allowed = mayImport.get(part);
  if (allowed === undefined || allowed.includes(targetPart)) return null;
  const isPure = part === 'core' || part === 'sim';
  if (isPure && typeOnly && typesForCores.includes(targetPart)) return null;
  return `${describePart(part)} does not import ${describePart(targetPart)}: ${target}`;
}

function resolve(file: string, specifier: string): string {
  return join(dirname(file), specifier).replace(/\.js$/, '.ts');
}

/**
 * The simulator drives the parts of nodes that own no clock, socket or disk. Checks every file of
 * nodes that it imports, with all that those load in turn, for modules of Node. `sources` is the
 * whole tree, text by path.
 */
export function checkReach(sources: ReadonlyMap<string, string>): Violation[] {
  const loadedBy = new Map<string, FoundImport[]>();
  const loads = (file: string): FoundImport[] => {
    let found = loadedBy.get(file);
    if (found === undefined) {
      const source = ts.createSourceFile(
        file,
        sources.get(file) ?? '',
        ts.ScriptTarget.Latest,
        true,
      );
      found = importsOf(source).filter(({ typeOnly }) => !typeOnly);
      loadedBy.set(file, found);
    }
    return found;
  };
  const violations: Violation[] = [];
  for (const file of sources.keys()) {
    if (partOf(file) !== 'sim') continue;
    for (const { specifier, line } of loads(file)) {
      const target = resolve(file, specifier);
      if (!specifier.startsWith('.') || partOf(target) !== 'nodes') continue;
      const chain = chainToNode(target, loads);
      if (chain === null) continue;
      const sentence = `the simulator loads a module of Node: ${chain.join(' -> ')}`;
      violations.push({ file, line, sentence });
    }
  }
  return violations;
}

/** The shortest chain of imports from a file to a module of Node; null when there is none. */
function chainToNode(start: string, loads: (file: string) => FoundImport[]): string[] | null {
  const chains: string[][] = [[start]];
  const seen = new Set([start]);
  for (const chain of chains) {
    const file = chain.at(-1)!;
    for (const { specifier } of loads(file)) {
      if (specifier.startsWith('node:')) return [...chain, specifier];
      const target = resolve(file, specifier);
      if (!specifier.startsWith('.') || seen.has(target)) continue;
      seen.add(target);
      chains.push([...chain, target]);
    }
  }
  return null;
}

function describePart(part: string): string {
  if (part === 'library') return 'a library of src';
  if (part === 'core') return 'a core of nodes';
  return part === 'top' ? 'the top of src' : part;
}

/** Globals by which time, chance or input reach a program. */
const impureNames = new Set([
  'Date',
  'Promise',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'globalThis',
  'fetch',
  'console',
  'Buffer',
]);

function impurities(file: string, source: ts.SourceFile): Violation[] {
  const violations: Violation[] = [];
  const report = (node: ts.Node, what: string): void => {
    const sentence = `a core owns no clock, no chance and no promise, but this is ${what}`;
    violations.push({ file, line: lineOf(source, node), sentence });
  };
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AsyncKeyword) report(node, 'async');
    else if (ts.isAwaitExpression(node)) report(node, 'await');
    else if (ts.isIdentifier(node) && impureNames.has(node.text) && isReference(node)) {
      report(node, node.text);
    } else if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      const name = `${node.expression.text}.${node.name.text}`;
      if (/^(?:Math\.random|process\.\w+|crypto\.\w+)$/.test(name)) report(node, name);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return violations;
}

/** False for the name of a property or a declaration, which only looks like the global. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !(ts.isTypeElement(parent) || ts.isClassElement(parent) || ts.isQualifiedName(parent));
}

function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

/** Checks the length of one file. */
export function checkLength(file: string, text: string): Violation[] {
  const lines = text.trimEnd().split('\n').length;
  if (lines <= fileLinesMax || longFilesAllowed.has(file)) return [];
  const sentence = `has ${lines} lines; at most ${fileLinesMax}: divide it by ideas`;
  return [{ file, line: lines, sentence }];
}

// Spelled in pieces, so that this file does not name them.
const machinePaths = [['', 'work', ''].join('/'), ['', 'tmp', 'bash_jobs'].join('/')];

/** Finds paths that exist only on the machine where something was written. */
export function checkMachinePaths(file: string, text: string): Violation[] {
  return text
    .split('\n')
    .flatMap((content, index) =>
      machinePaths
        .filter((path) => new RegExp(`(?<![\\w./-])${path}`).test(content))
        .map((path) => ({ file, line: index + 1, sentence: `names the machine path ${path}` })),
    );
}
