import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const folder = 'nodes/available';
const ofNode = 'test/nodes/available/node-available.test.ts';
const ofNamespace = 'test/nodes/available/namespace.test.ts';
const ofExpiry = 'test/nodes/available/expiry.test.ts';
const ofRights = 'test/nodes/available/rights.test.ts';
const ofRestored = 'test/nodes/available/restored.test.ts';
const ofUnsure = 'test/nodes/available/unsure.test.ts';
const ofValue = 'test/nodes/available/stored-value.test.ts';

const rows: readonly FileMutant[] = [
  {
    bug: 'a write is answered before it is on the disk',
    file: `${folder}/namespace.ts`,
    source: '    this.#written = this.#log.append(record).then(',
    replacement:
      '    void Promise.resolve().then(() => this.#core.persisted(number));\n' +
      '    this.#written = this.#log.append(record).then(',
    test: ofNode,
  },
  {
    bug: 'a replica whose file was set back keeps its name',
    file: `${folder}/namespace-core.ts`,
    source: 'const id = (rename ? undefined : read.replica) ?? freshReplica;',
    replacement: 'const id = read.replica ?? freshReplica;',
    test: ofNamespace,
  },
  {
    bug: 'the new name of a replica is not written',
    file: `${folder}/namespace-core.ts`,
    source: 'if (isUnsure || rename)',
    replacement: 'if (isUnsure && !rename)',
    test: ofNamespace,
  },
  {
    bug: 'what is read after a failure of the disk counts as written',
    file: `${folder}/namespace-core.ts`,
    source: 'if (isUnsure || rename)',
    replacement: 'if (rename)',
    test: ofUnsure,
  },
  {
    bug: 'a snapshot of the file forgets what came after it was taken',
    file: `${folder}/namespace-records.ts`,
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
    file: `${folder}/exchange.ts`,
    source:
      'for (const namespace of namespaces) if (namespace.isUsable) namespace.compare(ordered);',
    replacement: 'void ordered;',
    test: ofNode,
  },
  {
    bug: 'the removal of what has expired takes what stands beside it',
    file: `${folder}/namespace-core.ts`,
    source: "this.#mutate({ type: 'discard', path, dots }, NOBODY);",
    replacement: "this.#mutate({ type: 'delete', path }, NOBODY); void dots;",
    test: ofExpiry,
  },
  {
    bug: 'what has expired is served',
    file: `${folder}/namespace-core.ts`,
    source: 'values.filter((value) => isLive(value, nowMs))',
    replacement: 'values.filter((value) => isLive(value, 0) || nowMs > 0)',
    test: ofExpiry,
  },
  {
    bug: 'what has expired is removed by all at once',
    file: `${folder}/expiring.ts`,
    source: 'const dueMs = atMs + place * EXPIRED_TURN_MS;',
    replacement: 'const dueMs = atMs + 0 * place * EXPIRED_TURN_MS;',
    test: ofExpiry,
  },
  {
    bug: 'the right to write is not asked for',
    file: `${folder}/node-available.ts`,
    source:
      "require('write', memory.namespace, context);\n        return this.#put(memory, context);\n      }),\n      'available.putExpiring'",
    replacement: "return this.#put(memory, context);\n      }),\n      'available.putExpiring'",
    test: ofRights,
  },
  {
    bug: 'the right to delete is not asked for',
    file: `${folder}/node-available.ts`,
    source: "require('write', namespace, context);",
    replacement: '',
    test: ofRights,
  },
  {
    bug: 'the right to search is not asked for',
    file: `${folder}/node-available.ts`,
    source: "require('read', query.namespace, context);",
    replacement: '',
    test: ofRights,
  },
  {
    bug: 'anybody whom the swarm lets in sets rights',
    file: `${folder}/node-available.ts`,
    source: "'available.setRights': forOperators(",
    replacement: "'available.setRights': forClients(",
    test: ofRights,
  },
  {
    bug: 'rights that cannot be read let everybody in',
    file: `${folder}/namespace-rights.ts`,
    source: "const UNREADABLE: NamespaceRights = { readers: [], writers: [], by: '' };",
    replacement: 'const UNREADABLE: NamespaceRights = OPEN;',
    test: ofRights,
  },
  {
    bug: 'rights are counted as a memory',
    file: `${folder}/namespace-core.ts`,
    source: '.filter(({ kind }) => kind === MEMORY_KIND)',
    replacement: '',
    test: ofRights,
  },
  {
    bug: 'a restored namespace goes on under a name of before',
    file: `${folder}/restored.ts`,
    source: 'bytes: Buffer.from(freshReplicaName(nodeId))',
    replacement: 'bytes: Buffer.from(freshReplicaName(nodeId).slice(0, 2))',
    test: ofRestored,
  },
];

export const AVAILABLE_MUTANTS = mutantsOfFiles(rows);
