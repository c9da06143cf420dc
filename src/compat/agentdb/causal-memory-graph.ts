/** agentdb's `CausalMemoryGraph`: what changes what, by experiments and observed edges. */
import type { JsonObject } from '../../memory/engine.js';
import type { TableRow } from '../layout/table.js';
import { seconds } from '../layout/times.js';
import type { Project } from '../project.js';
import { asJson, jsonOf, mean, numberOf, orNull, textOf } from './columns.js';
import { chainsBetween } from './causal-chains.js';
import { projectOf } from './database.js';
import { isSuccess } from './reflexion-memory.js';

export interface CausalEdge {
  readonly id?: number | undefined;
  readonly fromMemoryId: number;
  readonly fromMemoryType: string;
  readonly toMemoryId: number;
  readonly toMemoryType: string;
  readonly similarity: number;
  readonly uplift?: number | null | undefined;
  readonly confidence: number;
  readonly sampleSize?: number | null | undefined;
  readonly evidenceIds?: string[] | undefined;
  readonly experimentIds?: string[] | undefined;
  readonly confounderScore?: number | null | undefined;
  readonly mechanism?: string | null | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
}

export interface CausalExperiment {
  readonly name: string;
  readonly hypothesis: string;
  readonly treatmentId: number;
  readonly treatmentType: string;
  readonly controlId?: number | undefined;
  readonly startTime: number;
  readonly sampleSize: number;
  readonly status: string;
  readonly metadata?: Record<string, unknown> | undefined;
}

export interface CausalObservation {
  readonly experimentId: number;
  readonly episodeId: number;
  readonly isTreatment: boolean;
  readonly outcomeValue: number;
  readonly outcomeType: string;
  readonly context?: Record<string, unknown> | undefined;
}

export interface Uplift {
  readonly uplift: number;
  readonly pValue: number;
  readonly confidenceInterval: [number, number];
}

export interface Confounder {
  readonly memoryId: number;
  readonly correlationWithTreatment: number;
  readonly correlationWithOutcome: number;
  readonly confounderScore: number;
}

export class CausalMemoryGraph {
  readonly #project: Project;

  /** See `database.ts` for what `db` may be. */
  constructor(db?: unknown) {
    this.#project = projectOf(db);
  }

  /** Returns the number of the edge. Its ends need not be there, as in v1. */
  addCausalEdge(edge: CausalEdge): number {
    const now = seconds();
    return this.#project.causalEdges.insert({
      from_memory_id: edge.fromMemoryId,
      from_memory_type: edge.fromMemoryType,
      to_memory_id: edge.toMemoryId,
      to_memory_type: edge.toMemoryType,
      similarity: edge.similarity,
      uplift: edge.uplift || null,
      confidence: edge.confidence,
      sample_size: edge.sampleSize || null,
      evidence_ids: asJson(edge.evidenceIds || null),
      experiment_ids: null,
      confounder_score: edge.confounderScore || null,
      mechanism: edge.mechanism || null,
      created_at: now,
      updated_at: now,
      last_validated_at: null,
      metadata: asJson(edge.metadata || null),
    });
  }

  /** Returns the number of the experiment. */
  createExperiment(experiment: CausalExperiment): number {
    const row: JsonObject = {
      name: experiment.name,
      hypothesis: experiment.hypothesis,
      treatment_id: experiment.treatmentId,
      treatment_type: experiment.treatmentType,
      control_id: orNull(experiment.controlId),
      start_time: experiment.startTime,
      end_time: null,
      sample_size: experiment.sampleSize,
      treatment_mean: null,
      control_mean: null,
      uplift: null,
      p_value: null,
      confidence_interval_low: null,
      confidence_interval_high: null,
      status: experiment.status,
      metadata: asJson(experiment.metadata || null),
      created_at: seconds(),
    };
    return this.#project.causalExperiments.insert(row);
  }

  /** Adds an observation, and counts it in its experiment. */
  recordObservation(observation: CausalObservation): void {
    const { causalObservations, causalExperiments } = this.#project;
    causalObservations.insert({
      experiment_id: observation.experimentId,
      episode_id: observation.episodeId,
      is_treatment: observation.isTreatment ? 1 : 0,
      outcome_value: observation.outcomeValue,
      outcome_type: observation.outcomeType,
      context: asJson(observation.context || null),
      observed_at: seconds(),
    });
    const row = causalExperiments.get(observation.experimentId);
    if (row === undefined) return;
    const sample_size = (numberOf(row, 'sample_size') ?? 0) + 1;
    causalExperiments.update(observation.experimentId, { sample_size });
  }

  /** The difference of the means, with v1's approximation of the t distribution; completes the experiment. */
  calculateUplift(experimentId: number): Uplift {
    const [treatment, control] = this.#outcomes(experimentId);
    if (treatment.length === 0 || control.length === 0) {
      return { uplift: 0, pValue: 1, confidenceInterval: [0, 0] };
    }
    const [treatmentMean, controlMean] = [mean(treatment), mean(control)];
    const uplift = treatmentMean - controlMean;
    const error = Math.hypot(standardError(treatment), standardError(control));
    const freedom = treatment.length + control.length - 2;
    const pValue = 2 * (1 - distribution(Math.abs(uplift / error), freedom));
    const margin = NORMAL_95 * error;
    const confidenceInterval: [number, number] = [uplift - margin, uplift + margin];
    if (this.#project.causalExperiments.get(experimentId) !== undefined) {
      this.#project.causalExperiments.update(experimentId, {
        treatment_mean: treatmentMean,
        control_mean: controlMean,
        uplift,
        // Two groups without any spread have no p-value.
        p_value: Number.isFinite(pValue) ? pValue : null,
        confidence_interval_low: confidenceInterval[0],
        confidence_interval_high: confidenceInterval[1],
        status: 'completed',
      });
    }
    return { uplift, pValue, confidenceInterval };
  }

  /** Edges that leave a memory, by uplift and confidence. */
  queryCausalEffects(query: {
    readonly interventionMemoryId: number;
    readonly interventionMemoryType: string;
    readonly outcomeMemoryId?: number | undefined;
    readonly minConfidence?: number | undefined;
    readonly minUplift?: number | undefined;
  }): CausalEdge[] {
    const { interventionMemoryId, interventionMemoryType, outcomeMemoryId } = query;
    const { minConfidence = 0.5, minUplift = 0 } = query;
    const found: TableRow[] = [];
    for (const row of this.#project.causalEdges.rows()) {
      const isFrom =
        row['from_memory_id'] === interventionMemoryId &&
        row['from_memory_type'] === interventionMemoryType;
      const isTo = !outcomeMemoryId || row['to_memory_id'] === outcomeMemoryId;
      // A null uplift is not even 0, as in SQL.
      const uplift = numberOf(row, 'uplift');
      const isStrong = uplift !== null && Math.abs(uplift) >= minUplift;
      const isSure = (numberOf(row, 'confidence') ?? -1) >= minConfidence;
      if (isFrom && isTo && isStrong && isSure) found.push(row);
    }
    return found.sort((a, b) => weightOf(b) - weightOf(a)).map(causalEdgeOf);
  }

  /** Ways from one memory to another over edges of a confidence of 0.5, the most uplift first. */
  getCausalChain(
    fromMemoryId: number,
    toMemoryId: number,
    maxDepth = 5,
  ): { path: number[]; totalUplift: number; confidence: number }[] {
    return chainsBetween(this.#project.causalEdges.rows(), fromMemoryId, toMemoryId, maxDepth);
  }

  /** E[outcome | do(treatment)] - E[outcome], over the episodes that edges lead to and all others. */
  calculateCausalGain(
    treatmentId: number,
    outcomeType: 'reward' | 'success' | 'latency',
  ): { causalGain: number; confidence: number; mechanism: string } {
    const edges = [...this.#project.causalEdges.rows()].filter((row) => {
      return row['from_memory_id'] === treatmentId;
    });
    const targets = new Set(edges.map((row) => row['to_memory_id']));
    const sure = edges.filter((row) => (numberOf(row, 'confidence') ?? 0) >= 0.6);
    const treated = new Set(sure.map((row) => row['to_memory_id']));
    const [withTreatment, baseline]: [number[], number[]] = [[], []];
    for (const row of this.#project.episodes.rows()) {
      const outcome = outcomeOf(row, outcomeType);
      if (outcome === null) continue;
      const id = row['id'] ?? null;
      if (treated.has(id)) withTreatment.push(outcome);
      if (!targets.has(id)) baseline.push(outcome);
    }
    edges.sort((a, b) => (numberOf(b, 'confidence') ?? 0) - (numberOf(a, 'confidence') ?? 0));
    const [surest] = edges;
    return {
      causalGain: (mean(withTreatment) || 0) - (mean(baseline) || 0),
      confidence: (surest && numberOf(surest, 'confidence')) || 0,
      mechanism: (surest && textOf(surest, 'mechanism')) || 'unknown',
    };
  }

  /** Episodes of the sessions of both ends, which may be the cause of both. */
  detectConfounders(edgeId: number): { confounders: Confounder[] } {
    const edge = this.#project.causalEdges.get(edgeId);
    if (edge === undefined) return { confounders: [] };
    const session = (id: unknown): string | undefined => {
      const row = this.#project.episodes.get(id as number);
      return row === undefined ? undefined : String(row['session_id']);
    };
    const [from, to] = [edge['from_memory_id'], edge['to_memory_id']];
    const [treated, outcome] = [session(from), session(to)];
    const confounders: Confounder[] = [];
    for (const row of this.#project.episodes.rows()) {
      if (row['id'] === from || row['id'] === to) continue;
      const own = String(row['session_id']);
      const correlationWithTreatment = own === treated ? 1 : 0;
      const correlationWithOutcome = own === outcome ? 1 : 0;
      const confounderScore = correlationWithTreatment * correlationWithOutcome;
      if (confounderScore <= 0.3) continue;
      const memoryId = row['id'] as number;
      confounders.push({
        memoryId,
        correlationWithTreatment,
        correlationWithOutcome,
        confounderScore,
      });
    }
    if (confounders.length > 0) {
      const confounder_score = Math.max(...confounders.map((one) => one.confounderScore));
      this.#project.causalEdges.update(edgeId, { confounder_score });
    }
    return { confounders };
  }

  #outcomes(experimentId: number): [treatment: number[], control: number[]] {
    const outcomes: [number[], number[]] = [[], []];
    for (const row of this.#project.causalObservations.rows()) {
      const value = numberOf(row, 'outcome_value');
      if (row['experiment_id'] !== experimentId || value === null) continue;
      outcomes[numberOf(row, 'is_treatment') === 1 ? 0 : 1].push(value);
    }
    return outcomes;
  }
}

/** Columns of a row under the names of v1's class. */
function causalEdgeOf(row: TableRow): CausalEdge {
  return {
    id: row['id'] as number,
    fromMemoryId: row['from_memory_id'] as number,
    fromMemoryType: textOf(row, 'from_memory_type') ?? '',
    toMemoryId: row['to_memory_id'] as number,
    toMemoryType: textOf(row, 'to_memory_type') ?? '',
    similarity: numberOf(row, 'similarity') ?? 0,
    uplift: numberOf(row, 'uplift'),
    confidence: numberOf(row, 'confidence') ?? 0,
    sampleSize: numberOf(row, 'sample_size'),
    evidenceIds: jsonOf(row, 'evidence_ids'),
    experimentIds: jsonOf(row, 'experiment_ids'),
    confounderScore: numberOf(row, 'confounder_score'),
    mechanism: textOf(row, 'mechanism'),
    metadata: jsonOf(row, 'metadata'),
  };
}

function outcomeOf(row: TableRow, type: string): number | null {
  if (type === 'success') return isSuccess(row) ? 1 : 0;
  return numberOf(row, type === 'latency' ? 'latency_ms' : type);
}

/** Of a normal distribution, both sides. */
const NORMAL_95 = 1.96;

/** Of the population, as v1 has it. */
function standardError(values: readonly number[]): number {
  const average = mean(values);
  const variance = mean(values.map((value) => (value - average) ** 2));
  return Math.sqrt(variance / values.length);
}

/** v1's approximation of Student's t. */
function distribution(t: number, freedom: number): number {
  return 0.5 + 0.5 * Math.sign(t) * (1 - (1 + (t * t) / freedom) ** (-freedom / 2));
}

function weightOf(row: TableRow): number {
  return Math.abs(numberOf(row, 'uplift') ?? 0) * (numberOf(row, 'confidence') ?? 0);
}
