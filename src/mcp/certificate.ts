/**
 * Certificates of what a recall returned: which records, with which content, so that anybody who has the
 * store can see later whether they are still those (`verifyCertificate`).
 *
 * A source's hash is SHA-256 of 0x00 and the UTF-8 of `JSON.stringify([namespace, id, content, metadata])`;
 * the root is that of a Merkle tree as in RFC 6962, section 2.1, with those as the hashes of its leaves.
 * The id of a certificate is SHA-256 of the JSON of all its other fields in their order.
 */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../memory/engine.js';
import type { MemoryStore, StoreRecord } from '../memory/index.js';
import { ToolError } from './errors.js';
import { CERTIFICATES } from './rows.js';

export interface Certificate {
  readonly query_id: string;
  readonly query_text: string;
  readonly chunk_ids: readonly string[];
  readonly chunk_types: readonly string[];
  /** Namespaces of the records, in the same order. */
  readonly chunk_namespaces: readonly string[];
  /** Ids that together hold every word of the query that any of them holds. */
  readonly minimal_why: readonly string[];
  readonly redundancy_ratio: number;
  /** Part of the words of the query that the records hold. */
  readonly completeness_score: number;
  readonly merkle_root: string;
  readonly source_hashes: readonly string[];
  /** For each record the hashes that lead from it to the root, from below. */
  readonly proof_chain: readonly (readonly string[])[];
  readonly created_at_ms: number;
}

export interface Verification {
  readonly isValid: boolean;
  readonly issues: readonly string[];
}

const WORD_CHARACTERS_MIN = 4;
const WORDS_MAX = 32;

export function makeCertificate(
  query: { readonly id: string; readonly text: string },
  records: readonly StoreRecord[],
  nowMs: number,
): { id: string; certificate: Certificate } {
  const hashes = records.map(sourceHash);
  const words = wordsOf(query.text);
  const why = minimalWhy(records, words);
  const held = words.filter((word) => records.some((record) => holds(record, word)));
  const certificate: Certificate = {
    query_id: query.id,
    query_text: query.text,
    chunk_ids: records.map(({ id }) => id),
    chunk_types: records.map(({ namespace }) => typeOf(namespace)),
    chunk_namespaces: records.map(({ namespace }) => namespace),
    minimal_why: why,
    redundancy_ratio: why.length === 0 ? records.length : records.length / why.length,
    completeness_score: words.length === 0 ? 1 : held.length / words.length,
    merkle_root: merkleRoot(hashes),
    source_hashes: hashes,
    proof_chain: hashes.map((_, at) => merklePath(at, hashes)),
    created_at_ms: nowMs,
  };
  return { id: certificateId(certificate), certificate };
}

/** Checks the certificate itself, and its records as they are now. Throws `ToolError` if there is none. */
export async function verifyCertificate(store: MemoryStore, id: string): Promise<Verification> {
  const record = await store.get(id, { namespace: CERTIFICATES });
  if (record === null) throw new ToolError(`there is no certificate ${JSON.stringify(id)}`);
  const certificate = record.metadata as unknown as Certificate;
  const { chunk_ids: ids, chunk_namespaces: namespaces, source_hashes: hashes } = certificate;
  if (![ids, namespaces, hashes].every(isTexts) || ids.length !== hashes.length) {
    return { isValid: false, issues: ['it is not of this kind: v1 made other certificates'] };
  }
  const issues: string[] = [];
  if (certificateId(certificate) !== id) issues.push('its fields do not have its id as their hash');
  if (merkleRoot(hashes) !== certificate.merkle_root) issues.push('the root is of other hashes');
  for (const [at, chunk] of ids.entries()) {
    const found = await store.get(chunk, { namespace: namespaces[at] ?? '' });
    const name = `${namespaces[at]} ${chunk}`;
    if (found === null) issues.push(`${name} is not there any more`);
    else if (sourceHash(found) !== hashes[at]) issues.push(`${name} has changed since`);
  }
  return { isValid: issues.length === 0, issues };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function certificateId(certificate: Certificate): string {
  return sha256(JSON.stringify(certificate));
}

function sourceHash({ namespace, id, content, metadata }: StoreRecord): string {
  const json = JSON.stringify([namespace, id, content, metadata]);
  return sha256(Buffer.concat([Buffer.of(0), Buffer.from(json, 'utf8')]));
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** RFC 6962, 2.1: the tree divides at the largest power of two below its size. */
function merkleRoot(hashes: readonly string[]): string {
  const [only = sha256('')] = hashes;
  if (hashes.length <= 1) return only;
  const split = splitOf(hashes.length);
  return node(merkleRoot(hashes.slice(0, split)), merkleRoot(hashes.slice(split)));
}

/** RFC 6962, 2.1.1. */
function merklePath(at: number, hashes: readonly string[]): string[] {
  if (hashes.length <= 1) return [];
  const split = splitOf(hashes.length);
  const [left, right] = [hashes.slice(0, split), hashes.slice(split)];
  return at < split
    ? [...merklePath(at, left), merkleRoot(right)]
    : [...merklePath(at - split, right), merkleRoot(left)];
}

function splitOf(size: number): number {
  return 2 ** (Math.ceil(Math.log2(size)) - 1);
}

function node(left: string, right: string): string {
  return sha256(Buffer.concat([Buffer.of(1), Buffer.from(left, 'hex'), Buffer.from(right, 'hex')]));
}

function wordsOf(query: string): string[] {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const long = words.filter((word) => word.length >= WORD_CHARACTERS_MIN);
  return [...new Set(long)].slice(0, WORDS_MAX);
}

function holds({ content }: StoreRecord, word: string): boolean {
  return content.toLowerCase().includes(word);
}

/** Greedy: the record with most words that are still missing, until none adds one. */
function minimalWhy(records: readonly StoreRecord[], words: readonly string[]): string[] {
  const missing = new Set(words);
  const chosen: string[] = [];
  for (;;) {
    let best: { record: StoreRecord; held: string[] } | undefined;
    for (const record of records) {
      const held = [...missing].filter((word) => holds(record, word));
      if (held.length > (best?.held.length ?? 0)) best = { record, held };
    }
    if (best === undefined) break;
    chosen.push(best.record.id);
    for (const word of best.held) missing.delete(word);
  }
  // No word of the query is in a record: the best one is there for its meaning.
  const [first] = records;
  return chosen.length === 0 && first !== undefined ? [first.id] : chosen;
}

/** `agentdb/episodes` is `episode`, as v1 called it. */
function typeOf(namespace: string): string {
  return namespace.replace(/^.*\//, '').replace(/s$/, '');
}

export async function storeCertificate(
  store: MemoryStore,
  id: string,
  certificate: Certificate,
): Promise<void> {
  const metadata = certificate as unknown as JsonObject;
  const content = certificate.query_text;
  await store.put({ id, namespace: CERTIFICATES, content, metadata, vector: null });
}
