/** What documents, those who have them open, and the gateway for pages guard against. */
import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const ofPeers = 'test/src/documents/remote-document.test.ts';
const ofHostile = 'test/src/documents/hostile.test.ts';
const ofFile = 'test/src/documents/document-log.test.ts';
const ofPresence = 'test/src/documents/presence.test.ts';
const ofMembers = 'test/nodes/documents/node-documents.test.ts';
const ofMemberPresence = 'test/nodes/documents/member-presence.test.ts';
const ofPages = 'test/nodes/pages/node-pages.test.ts';
const ofHeld = 'test/nodes/pages/held-bytes.test.ts';

const session = 'src/documents/session.ts';
const shared = 'src/documents/shared-document.ts';
const check = 'src/documents/update-check.ts';
const presence = 'src/documents/presence.ts';
const memberPresence = 'nodes/documents/member-presence.ts';
const pageSession = 'nodes/pages/page-session.ts';

const rows: readonly FileMutant[] = [
  {
    bug: 'the right to write is not asked for',
    file: session,
    source: 'if (!this.#mayWrite()) {',
    replacement: 'if (false) {',
    test: ofHostile,
    named: 'that may only read',
  },
  {
    bug: 'the right to read is not asked for',
    file: session,
    source: 'if (!this.#mayRead()) {',
    replacement: 'if (false) {',
    test: ofMembers,
    named: 'are set by operators',
  },
  {
    bug: 'a right that is taken away does not end what is open',
    file: session,
    source: 'if (!this.#mayRead()) this.#end();',
    replacement: '',
    test: ofMembers,
    named: 'are set by operators',
  },
  {
    bug: 'who was shut out is let in',
    file: session,
    source: 'if (!this.#ports.scores.isShutOut(this.#peer.peerId)) return;',
    replacement: 'if (this.#peer.peerId !== "") return;',
    test: ofHostile,
  },
  {
    bug: 'who leaves is seen still',
    file: session,
    source: 'presences.leave(document.name, this);',
    replacement: '',
    test: ofPeers,
  },
  {
    bug: 'an update is answered before it is on the disk',
    file: shared,
    source:
      '    // What was known before may still be on its way to the disk.\n    await this.#written;',
    replacement: '',
    test: ofFile,
  },
  {
    bug: 'an update is not written',
    file: shared,
    source: "this.#write({ kind: 'update', bytes });",
    replacement: '',
    test: ofPeers,
  },
  {
    bug: 'the size of a document is not checked',
    file: shared,
    source: 'this.#requireRoom(own.length);',
    replacement: '',
    test: ofFile,
  },
  {
    bug: 'the state vector of a peer is ignored: it gets all',
    file: shared,
    source: 'return Y.encodeStateAsUpdate(this.#document, new Uint8Array(stateVector));',
    replacement:
      'Y.decodeStateVector(new Uint8Array(stateVector));\n      return Y.encodeStateAsUpdate(this.#document);',
    test: ofPeers,
  },
  {
    bug: 'the size of an update is not checked',
    file: check,
    source: 'if (bytes.length > UPDATE_BYTES_MAX) {',
    replacement: 'if (false) {',
    test: ofHostile,
  },
  {
    bug: 'anybody writes under the name of any author',
    file: check,
    source: 'end > known && author !== null && authorOfClient(client) !== author',
    replacement: 'end > known && author !== null && authorOfClient(client) === -1',
    test: ofHostile,
  },
  {
    bug: 'an update that builds on the unknown is taken',
    file: check,
    source: 'if (id.clock < Math.max(known, inUpdate)) continue;',
    replacement: 'if (id.clock >= 0) continue;',
    test: ofHostile,
  },
  {
    bug: 'an update that deletes the unknown is taken',
    file: check,
    source: 'if (clock + len <= known) continue;',
    replacement: 'if (clock + len >= 0) continue;',
    test: ofHostile,
  },
  {
    bug: 'a peer says who is here in the name of another',
    file: 'src/documents/awareness-check.ts',
    source: 'if (said === undefined || authorOfClient(said.client) === author) return said;',
    replacement: 'if (author >= 0) return said;',
    test: ofHostile,
  },
  {
    bug: 'who is at a node that is gone is seen for ever',
    file: presence,
    source: 'if (far.untilMs <= nowMs || !nodes.has(far.from))',
    replacement: 'if (!nodes.has(far.from))',
    test: ofPresence,
  },
  {
    bug: 'a node speaks for a client that is here',
    file: presence,
    source: 'if (said === undefined || room?.speakers.has(said.client) === true) return;',
    replacement: 'if (said === undefined) return;',
    test: ofPresence,
  },
  {
    bug: 'a node speaks for a client of another node',
    file: presence,
    source: 'before.from !== from || said.clock < before.clock',
    replacement: 'said.clock < before.clock',
    test: ofPresence,
  },
  {
    bug: 'a node says as much as it likes of who is there',
    file: presence,
    source: 'if (bytes > AWARENESS_BYTES_PER_NODE_MAX) {',
    replacement: 'if (false) {',
    test: ofPresence,
  },
  {
    bug: 'a member says who is there as often as it likes',
    file: memberPresence,
    source: 'if (taken.calls > AWARE_CALLS_PER_SECOND_MAX) {',
    replacement: 'if (false) {',
    test: ofMemberPresence,
  },
  {
    bug: 'what was lost of who is here is not repeated',
    file: memberPresence,
    source: 'states.push(...this.#presences.all());',
    replacement: '',
    test: ofMemberPresence,
  },
  {
    bug: 'anybody says who is at another node',
    file: 'nodes/documents/node-documents.ts',
    source: "'documents.aware': guarded(forMembers,",
    replacement: "'documents.aware': guarded(forClients,",
    test: ofMembers,
    named: 'is refused to strangers',
  },
  {
    bug: 'a page does not prove its key',
    file: pageSession,
    source: 'if (!isSigned(proofBytes(nodePeerId, nonce), publicKey, signature)) {',
    replacement: 'if (false) {',
    test: ofPages,
    named: 'are refused without the key',
  },
  {
    bug: 'a proof is good at any time',
    file: pageSession,
    source: 'const nonce = randomBytes(NONCE_BYTES);',
    replacement: 'const nonce = Buffer.alloc(NONCE_BYTES);',
    test: ofPages,
    named: 'are refused without the key',
  },
  {
    bug: 'a page opens as many documents as it likes',
    file: pageSession,
    source: 'const isTooMany = open > DOCUMENTS_PER_SESSION_MAX;',
    replacement: 'const isTooMany = false;',
    test: ofPages,
    named: 'have at most sixteen',
  },
  {
    bug: 'a page that does not read is waited for',
    file: pageSession,
    source: 'const late = setTimeout(this.#options.slow, this.#options.sendMs);',
    replacement: 'const late = setTimeout(() => undefined, this.#options.sendMs);',
    test: ofPages,
    named: 'that do not read',
  },
  {
    bug: 'unfinished frames have as many bytes as a page likes',
    file: 'nodes/pages/held-bytes.ts',
    source: 'if (this.#bytes <= this.#bytesMax) return;',
    replacement: 'if (this.#bytes >= 0) return;',
    test: ofHeld,
  },
  {
    bug: 'pages of any site may come',
    file: 'nodes/pages/node-pages.ts',
    source:
      'origin === undefined || this.#origins === undefined || this.#origins.includes(origin);',
    replacement: 'origin === undefined || this.#origins !== null;',
    test: ofPages,
    named: 'says how it is reached',
  },
];

export const PAGES_MUTANTS = mutantsOfFiles(rows);
