import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const folder = 'nodes/available';
const ofNode = 'test/nodes/available/node-available.test.ts';
const ofNamespace = 'test/nodes/available/namespace.test.ts';
const ofValue = 'test/nodes/available/stored-value.test.ts';

const rows: readonly FileMutant[] = [
  {
    bug: 'a write is answered before it is on the disk',
    file: `${folder}/namespace.ts`,
    source: '    this.#log.append(record).then(',
    replacement:
      "    void Promise.resolve().then(() => this.#step({ type: 'persisted', number }));\n" +
      '    this.#log.append(record).then(',
    test: ofNode,
  },
  {
    bug: 'a replica whose file was set back keeps its name',
    file: `${folder}/namespace.ts`,
    source: 'const id = rename ? undefined : read.replica;',
    replacement: 'const id = read.replica;',
    test: ofNamespace,
  },
  {
    bug: 'the new name of a replica is not written',
    file: `${folder}/namespace.ts`,
    source: "if (rename) await log.append({ kind: 'replica', bytes: Buffer.from(replica.id) });",
    replacement: '',
    test: ofNamespace,
  },
  {
    bug: 'a snapshot of the file forgets what came after it was taken',
    file: `${folder}/namespace-file.ts`,
    source: "else if (kind === 'update') updates.push(bytes);",
    replacement:
      "else if (kind === 'update') updates = snapshot === null ? [...updates, bytes] : [];",
    test: ofNode,
  },
  {
    bug: 'what two writers have said alike is in conflict',
    file: `${folder}/stored-value.ts`,
    source: 'if (seen.has(said)) return false;',
    replacement: '',
    test: ofNode,
  },
  {
    bug: 'the order of values depends on who is asked',
    file: `${folder}/stored-value.ts`,
    source: 'b.atMs - a.atMs || compare(keyOf(a), keyOf(b))',
    replacement: 'b.atMs - a.atMs',
    test: ofValue,
  },
  {
    bug: 'messages of namespaces are taken from anybody',
    file: `${folder}/node-available.ts`,
    source: 'access.requireMember(context.connection);',
    replacement: '',
    test: ofNode,
  },
  {
    bug: 'a large message is cut to its first piece',
    file: `${folder}/pieces.ts`,
    source: 'if (begun.bytes < total) return undefined;',
    replacement: '',
    test: ofNode,
  },
  {
    bug: 'the index keeps what was deleted',
    file: `${folder}/available-index.ts`,
    source: "commands.push({ type: 'deleteMemory', id: key, timestampMs: 0 });",
    replacement: '',
    test: ofNode,
  },
  {
    bug: 'lost messages are never made up for',
    file: `${folder}/node-available.ts`,
    source: 'if (namespace?.isUsable === true) namespace.compare(ordered);',
    replacement: 'if (namespace?.isUsable === true) continue;',
    test: ofNode,
  },
];

export const AVAILABLE_MUTANTS = mutantsOfFiles(rows);
