import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const core = 'consensus/crdt';
const tests = 'test/consensus/crdt';
const convergence = `${tests}/convergence.property.test.ts`;
const types = `${tests}/types.test.ts`;
const codec = `${tests}/codec.test.ts`;
const clock = `${tests}/clock.test.ts`;
const reconciler = `${tests}/reconcile/reconciler.property.test.ts`;

const rows: readonly FileMutant[] = [
  {
    bug: 'an update is applied before those that it depends on',
    file: `${core}/replica.ts`,
    source: 'if (!isKnown && !includes(this.#version, update.after)) continue;',
    replacement: 'if (!isKnown && this.#version.size < 0) continue;',
    test: convergence,
  },
  {
    bug: 'an update that came twice is applied twice',
    file: `${core}/replica.ts`,
    source: 'if (covers(this.#version, update)) return;',
    replacement: 'if (this.#version.size < 0) return;',
    test: convergence,
  },
  {
    bug: 'versions are told before they are durable',
    file: `${core}/replica.ts`,
    source: "this.#send(to, { type: 'digest', version: this.#durable, asks });",
    replacement: "this.#send(to, { type: 'digest', version: this.#version, asks });",
    test: convergence,
  },
  {
    bug: 'an update is told before it is durable',
    file: `${core}/replica.ts`,
    source: 'this.#log.missing(version, this.#durable)',
    replacement: 'this.#log.missing(version, this.#version)',
    test: types,
  },
  {
    bug: 'updates are dropped that a member lacks',
    file: `${core}/replica.ts`,
    source: 'this.#log.drop(meet([this.#durable, ...versions]));',
    replacement: 'this.#log.drop(this.#durable); meet(versions);',
    test: convergence,
  },
  {
    bug: 'updates are kept for ever',
    file: `${core}/replica.ts`,
    source: 'this.#log.drop(meet([this.#durable, ...versions]));',
    replacement: 'meet([this.#durable, ...versions]);',
    test: convergence,
  },
  {
    bug: 'a removal of nothing is confirmed before what it has seen is durable',
    file: `${core}/replica.ts`,
    source: 'if (this.#writes.length === 0) this.#effects.push(effect);',
    replacement: 'if (this.#writes.length >= 0) this.#effects.push(effect);',
    test: types,
  },
  {
    bug: 'a replica that was set back goes on under its name',
    file: `${core}/replica.ts`,
    source: 'if (replica !== this.id) return;',
    replacement: 'if (replica !== "") return;',
    test: types,
  },
  {
    bug: 'an update that removes what its replica has not seen is applied',
    file: `${core}/replica.ts`,
    source: 'if (removed.every((dot) => covers(update.after, dot))) continue;',
    replacement: 'if (removed.length >= 0) continue;',
    test: codec,
  },
  {
    bug: 'times of the far future are taken over',
    file: `${core}/replica.ts`,
    source: '    this.#clock.requireNear(update.time, nowMs);\n',
    replacement: '    void nowMs;\n',
    test: types,
  },
  {
    bug: 'what was removed there comes back by a join',
    file: `${core}/value.ts`,
    source: 'const kept = a.filter((dot) => isIn(dot, b) || !covers(bVersion, dot));',
    replacement: 'const kept = a.filter((dot) => isIn(dot, b) || bVersion.size >= 0 || !!dot);',
    test: convergence,
  },
  {
    bug: 'what was removed here comes back by a join',
    file: `${core}/value.ts`,
    source: 'const added = b.filter((dot) => !isIn(dot, a) && !covers(aVersion, dot));',
    replacement: 'const added = b.filter((dot) => !isIn(dot, a) && aVersion.size >= 0);',
    test: convergence,
  },
  {
    bug: 'the removal of an element takes what it has not seen',
    file: `${core}/update.ts`,
    source:
      'const kept = dots.filter((one) => !removed.some((gone) => compareDots(gone, one) === 0));',
    replacement: 'const kept = removed.length > 0 ? [] : dots;',
    test: types,
  },
  {
    bug: 'a replica counts what it has counted before once more',
    file: `${core}/mutation.ts`,
    source: 'return { path, added, removed: bare(own) };',
    replacement: 'return { path, added, removed: bare(own.slice(1)) };',
    test: types,
  },
  {
    bug: 'the earlier of two writes wins',
    file: `${core}/reading.ts`,
    source: 'return compareTimes(b.content.time, a.content.time) || compareDots(b, a);',
    replacement: 'return compareTimes(a.content.time, b.content.time) || compareDots(b, a);',
    test: types,
  },
  {
    bug: 'the clock follows a time of day that goes back',
    file: `${core}/clock.ts`,
    source: 'if (nowMs > this.#last.wallMs) {',
    replacement: 'if (nowMs !== this.#last.wallMs) {',
    test: clock,
  },
  {
    bug: 'states are written in the order in which they came to be',
    file: `${core}/codec.ts`,
    source: 'const entries = [...value.entries].sort(([a], [b]) => compareTexts(a, b));',
    replacement: 'const entries = [...value.entries];',
    test: codec,
  },
  {
    bug: 'a state may hold what its version does not cover',
    file: `${core}/codec.ts`,
    source: 'if ((version.get(dot.replica) ?? 0) < dot.sequence) {',
    replacement: 'if ((version.get(dot.replica) ?? 0) < 0) {',
    test: codec,
  },
  {
    bug: 'the carry of a sum of ids is lost',
    file: `${core}/reconcile/item-set.ts`,
    source: 'carry = total >= TWO_TO_32 ? 1 : 0;',
    replacement: 'carry = total < 0 ? 1 : 0;',
    test: reconciler,
  },
  {
    bug: 'a range that did not fit into a message is taken for settled',
    file: `${core}/reconcile/reconciler.ts`,
    source: 'if (end !== upper && end !== null) this.#writeRest(end);',
    replacement: 'if (end !== upper && end === null) this.#writeRest(end ?? "");',
    test: reconciler,
  },
  {
    bug: 'a list of the responder leaves out where the next range begins',
    file: `${core}/reconcile/reconciler.ts`,
    source: 'if (this.#settledTo !== undefined) {',
    replacement: 'if (this.#settledTo === "") {',
    test: reconciler,
  },
];

export const CRDT_MUTANTS = mutantsOfFiles(rows);
