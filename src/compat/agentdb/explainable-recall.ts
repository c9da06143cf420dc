/** agentdb's `ExplainableRecall`: a certificate of what a recall returned and why. */
import { emptyIfNull } from './columns.js';
import type { TableRow } from '../layout/table.js';
import { seconds } from '../layout/times.js';
import type { Operation } from '../../memory/store/operations.js';
import { CompatError } from '../errors.js';
import type { Project } from '../project.js';
import { asJson, jsonOf, mean, numberOf, textOf } from './columns.js';
import { projectOf } from './database.js';
import { merkleLevels, merkleProof, merkleRoot, type ProofStep, sha256 } from './merkle.js';

/** What a recall returned; `id` is the number of a row as a text. */
export interface Chunk {
  readonly id: string;
  readonly type: string;
  readonly content: string;
  readonly relevance: number;
}

export interface RecallCertificate {
  readonly id: string;
  readonly queryId: string;
  readonly queryText: string;
  readonly chunkIds: string[];
  readonly chunkTypes: string[];
  /** Chunks that together hold every requirement that any of them holds. */
  readonly minimalWhy: string[];
  readonly redundancyRatio: number;
  readonly completenessScore: number;
  readonly merkleRoot: string;
  readonly sourceHashes: string[];
  readonly proofChain: ProofStep[];
  readonly policyProof?: unknown;
  readonly policyVersion?: string | null;
  readonly accessLevel: string;
  readonly latencyMs: number;
}

export interface Justification {
  readonly chunkId: string;
  readonly chunkType: string;
  readonly reason: string;
  readonly necessityScore: number;
  readonly pathElements: string[];
}

export interface CertificateRequest {
  readonly queryId: string;
  readonly queryText: string;
  readonly chunks: readonly Chunk[];
  readonly requirements: readonly string[];
  readonly accessLevel?: string | undefined;
}

const WHY_WITHOUT_REQUIREMENTS = 3;

export class ExplainableRecall {
  readonly #project: Project;

  /** See `database.ts` for what `db` may be. */
  constructor(db?: unknown) {
    this.#project = projectOf(db);
  }

  /** Stores a certificate with its justifications in one transaction. */
  createCertificate(request: CertificateRequest): RecallCertificate {
    const { queryId, queryText, chunks, requirements, accessLevel = 'internal' } = request;
    const startedMs = Date.now();
    const minimalWhy = coveringChunks(chunks, requirements);
    const sources = this.#sources(chunks);
    const sourceHashes = sources.map(({ hash }) => hash);
    const levels = merkleLevels(sourceHashes);
    const chunkIds = chunks.map(({ id }) => id);
    const certificate = {
      id: sha256(`${queryId}:${chunkIds.join(',')}:${startedMs}`),
      queryId,
      queryText,
      chunkIds,
      chunkTypes: chunks.map(({ type }) => type),
      minimalWhy,
      redundancyRatio: chunks.length / minimalWhy.length,
      completenessScore: this.#completeness(minimalWhy, requirements),
      merkleRoot: merkleRoot(sourceHashes),
      sourceHashes,
      proofChain: chunks.flatMap((_, at) => merkleProof(levels, at)),
      accessLevel,
      latencyMs: Date.now() - startedMs,
    };
    this.#store(
      certificate,
      chunks,
      sources.flatMap(({ operations }) => operations),
    );
    return certificate;
  }

  /** Whether the rows that a certificate names still are what they were. */
  verifyCertificate(certificateId: string): { valid: boolean; issues: string[] } {
    const certificate = this.#certificate(certificateId);
    if (certificate === undefined) return { valid: false, issues: ['Certificate not found'] };
    const issues: string[] = [];
    const { sourceHashes, chunkIds, chunkTypes, minimalWhy, redundancyRatio } = certificate;
    if (merkleRoot(sourceHashes) !== certificate.merkleRoot) issues.push('Merkle root mismatch');
    for (const [at, id] of chunkIds.entries()) {
      if (this.#contentHash(chunkTypes[at] ?? '', id) !== sourceHashes[at]) {
        issues.push(`Chunk ${id} hash changed`);
      }
    }
    if (minimalWhy.length === 0) issues.push('Empty justification set');
    if (redundancyRatio < 1) issues.push('Invalid redundancy ratio');
    return { valid: issues.length === 0, issues };
  }

  getJustification(certificateId: string, chunkId: string): Justification | null {
    for (const row of this.#project.justifications.rows()) {
      const isMeant =
        row['certificate_id'] === certificateId && String(row['chunk_id']) === chunkId;
      if (isMeant) return justificationOf(row);
    }
    return null;
  }

  getProvenanceLineage(contentHash: string): ProvenanceSource[] {
    const byHash = new Map<string, TableRow>();
    for (const row of this.#project.provenance.rows()) {
      byHash.set(String(row['content_hash']), row);
    }
    const lineage: ProvenanceSource[] = [];
    const seen = new Set<string>();
    for (let hash: string | null = contentHash; hash !== null && !seen.has(hash);) {
      seen.add(hash);
      const row = byHash.get(hash);
      if (row === undefined) break;
      lineage.push(sourceOf(row));
      hash = textOf(row, 'parent_hash');
    }
    return lineage;
  }

  /** Throws `not-found`. */
  auditCertificate(certificateId: string): {
    certificate: RecallCertificate;
    justifications: Justification[];
    provenance: Map<string, ProvenanceSource[]>;
    quality: { completeness: number; redundancy: number; avgNecessity: number };
  } {
    const certificate = this.#certificate(certificateId);
    if (certificate === undefined) {
      throw new CompatError('not-found', `Certificate ${certificateId} not found`);
    }
    const rows = [...this.#project.justifications.rows()];
    const justifications = rows
      .filter((row) => row['certificate_id'] === certificateId)
      .map(justificationOf);
    const { sourceHashes, completenessScore, redundancyRatio } = certificate;
    const provenance = new Map(sourceHashes.map((hash) => [hash, this.getProvenanceLineage(hash)]));
    const avgNecessity = mean(justifications.map(({ necessityScore }) => necessityScore));
    const quality = {
      completeness: completenessScore,
      redundancy: redundancyRatio,
      avgNecessity,
    };
    return { certificate, justifications, provenance, quality };
  }

  #store(
    certificate: RecallCertificate,
    chunks: readonly Chunk[],
    operations: readonly Operation[],
  ): void {
    const { certificates, justifications, records } = this.#project;
    const { id, minimalWhy } = certificate;
    const reasons = chunks.flatMap((chunk) => {
      const isNecessary = minimalWhy.includes(chunk.id);
      const { operations: inserting } = justifications.inserting({
        certificate_id: id,
        chunk_id: chunk.id,
        chunk_type: chunk.type,
        reason: reasonOf(chunk.relevance),
        necessity_score: isNecessary ? chunk.relevance : chunk.relevance * 0.5,
        path_elements: [
          'Retrieved for query',
          isNecessary ? 'Essential for justification' : 'Supporting evidence',
          `Relevance: ${(chunk.relevance * 100).toFixed(1)}%`,
        ],
      });
      return inserting;
    });
    records.write([certificates.putting(id, rowOf(certificate)), ...reasons, ...operations]);
  }

  #certificate(id: string): RecallCertificate | undefined {
    const row = this.#project.certificates.get(id);
    return row === undefined ? undefined : certificateOf(row);
  }

  /** The hash of what each chunk is of, and what records those that are new. */
  #sources(chunks: readonly Chunk[]): { hash: string; operations: Operation[] }[] {
    const known = new Map<string, string>();
    for (const row of this.#project.provenance.rows()) {
      known.set(`${row['source_type']} ${row['source_id']}`, String(row['content_hash']));
    }
    return chunks.map(({ type, id }) => {
      const found = known.get(`${type} ${id}`);
      if (found !== undefined) return { hash: found, operations: [] };
      const hash = this.#contentHash(type, id);
      known.set(`${type} ${id}`, hash);
      const { operations } = this.#project.provenance.inserting({
        source_type: type,
        source_id: Number(id),
        content_hash: hash,
        parent_hash: null,
        derived_from: null,
        creator: 'system',
        created_at: seconds(),
        metadata: null,
      });
      return { hash, operations };
    });
  }

  #contentHash(type: string, id: string): string {
    if (type === 'episode') {
      const row = this.#project.episodes.get(id);
      return sha256(row === undefined ? '' : `${row['task']}:${row['output']}`);
    }
    const row = type === 'skill' ? this.#project.skills.get(id) : undefined;
    return sha256(row === undefined ? '' : `${row['name']}:${row['code']}`);
  }

  #completeness(why: readonly string[], requirements: readonly string[]): number {
    if (requirements.length === 0) return 1;
    const outputs = why.map((id) => {
      const row = this.#project.episodes.get(id);
      return (row === undefined ? '' : emptyIfNull(textOf(row, 'output'))).toLowerCase();
    });
    const met = requirements.filter((one) => {
      return outputs.some((output) => output.includes(one.toLowerCase()));
    });
    return met.length / requirements.length;
  }
}

export interface ProvenanceSource {
  readonly id: number;
  readonly sourceType: string;
  readonly sourceId: number;
  readonly contentHash: string;
  readonly parentHash: string | null;
  readonly derivedFrom: string[] | undefined;
  readonly creator: string | null;
  readonly metadata: Record<string, unknown> | undefined;
}

/** Greedy: the chunk that holds most requirements that no chosen one holds, until none adds any. */
function coveringChunks(chunks: readonly Chunk[], requirements: readonly string[]): string[] {
  if (requirements.length === 0)
    return chunks.slice(0, WHY_WITHOUT_REQUIREMENTS).map(({ id }) => id);
  const open = new Set(requirements.map((one) => one.toLowerCase()));
  const left = chunks.map(({ id, content }) => ({ id, text: content.toLowerCase() }));
  const chosen: string[] = [];
  while (open.size > 0) {
    let [best, most] = [-1, 0];
    for (const [at, { text }] of left.entries()) {
      const covered = [...open].filter((one) => text.includes(one)).length;
      if (covered > most) [best, most] = [at, covered];
    }
    const [taken] = best < 0 ? [] : left.splice(best, 1);
    if (taken === undefined) break;
    chosen.push(taken.id);
    for (const one of open) if (taken.text.includes(one)) open.delete(one);
  }
  return chosen;
}

function reasonOf(relevance: number): string {
  if (relevance > 0.9) return 'semantic_match';
  if (relevance > 0.7) return 'causal_link';
  return relevance > 0.5 ? 'prerequisite' : 'constraint';
}

function rowOf(
  certificate: RecallCertificate,
): Readonly<Record<string, ReturnType<typeof asJson>>> {
  const { redundancyRatio } = certificate;
  return {
    id: certificate.id,
    query_id: certificate.queryId,
    query_text: certificate.queryText,
    chunk_ids: certificate.chunkIds,
    chunk_types: certificate.chunkTypes,
    minimal_why: certificate.minimalWhy,
    // No chunk justifies anything: a ratio without an end, which is null in SQLite's JSON too.
    redundancy_ratio: Number.isFinite(redundancyRatio) ? redundancyRatio : null,
    completeness_score: certificate.completenessScore,
    merkle_root: certificate.merkleRoot,
    source_hashes: certificate.sourceHashes,
    proof_chain: asJson(certificate.proofChain),
    policy_proof: null,
    policy_version: null,
    access_level: certificate.accessLevel,
    created_at: seconds(),
    latency_ms: certificate.latencyMs,
    metadata: null,
  };
}

function certificateOf(row: TableRow): RecallCertificate {
  return {
    id: String(row['id']),
    queryId: textOf(row, 'query_id') ?? '',
    queryText: textOf(row, 'query_text') ?? '',
    chunkIds: jsonOf<string[]>(row, 'chunk_ids') ?? [],
    chunkTypes: jsonOf<string[]>(row, 'chunk_types') ?? [],
    minimalWhy: jsonOf<string[]>(row, 'minimal_why') ?? [],
    redundancyRatio: numberOf(row, 'redundancy_ratio') ?? Infinity,
    completenessScore: numberOf(row, 'completeness_score') ?? 0,
    merkleRoot: textOf(row, 'merkle_root') ?? '',
    sourceHashes: jsonOf<string[]>(row, 'source_hashes') ?? [],
    proofChain: jsonOf<ProofStep[]>(row, 'proof_chain') ?? [],
    policyProof: row['policy_proof'] ?? null,
    policyVersion: textOf(row, 'policy_version'),
    accessLevel: textOf(row, 'access_level') ?? 'internal',
    latencyMs: numberOf(row, 'latency_ms') ?? 0,
  };
}

function justificationOf(row: TableRow): Justification {
  return {
    chunkId: String(row['chunk_id']),
    chunkType: textOf(row, 'chunk_type') ?? '',
    reason: textOf(row, 'reason') ?? '',
    necessityScore: numberOf(row, 'necessity_score') ?? 0,
    pathElements: jsonOf<string[]>(row, 'path_elements') ?? [],
  };
}

function sourceOf(row: TableRow): ProvenanceSource {
  return {
    id: row['id'] as number,
    sourceType: textOf(row, 'source_type') ?? '',
    sourceId: row['source_id'] as number,
    contentHash: textOf(row, 'content_hash') ?? '',
    parentHash: textOf(row, 'parent_hash'),
    derivedFrom: jsonOf(row, 'derived_from'),
    creator: textOf(row, 'creator'),
    metadata: jsonOf(row, 'metadata'),
  };
}
