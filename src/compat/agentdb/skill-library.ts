/** agentdb's `SkillLibrary`: what agents can do, with how often it worked (Wang et al. 2023, Voyager). */
import type { JsonObject } from '../../memory/engine.js';
import { linkOperation } from '../../memory/store/records.js';
import { parseMemoryKey } from '../../memory/memory-key.js';
import { embedTexts } from '../embedding.js';
import { CompatError } from '../errors.js';
import type { TableRow } from '../layout/table.js';
import { SKILLS } from '../layout/tables.js';
import { seconds } from '../layout/times.js';
import type { Project } from '../project.js';
import { asJson, jsonOf, mean, numberOf, orNull, textOf } from './columns.js';
import { projectOf } from './database.js';
import { HITS_MAX } from './limits.js';
import { isSuccess } from './reflexion-memory.js';
import { confidenceOf, patternsIn } from './skill-patterns.js';

const DAY_S = 86_400;
const { namespace } = SKILLS;

export interface Skill {
  readonly id?: number | undefined;
  readonly name: string;
  readonly description?: string | undefined;
  readonly signature: unknown;
  readonly code?: string | undefined;
  readonly successRate: number;
  readonly uses: number;
  readonly avgReward: number;
  readonly avgLatencyMs: number;
  readonly createdFromEpisode?: number | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
}

export interface StoredSkill {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  readonly signature: unknown;
  readonly code: string | null;
  readonly successRate: number;
  readonly uses: number;
  readonly avgReward: number;
  readonly avgLatencyMs: number;
  readonly createdFromEpisode: number | null;
  readonly metadata: Record<string, unknown> | undefined;
}

export interface SkillQuery {
  readonly task: string;
  readonly k?: number | undefined;
  readonly minSuccessRate?: number | undefined;
  readonly preferRecent?: boolean | undefined;
}

export interface SkillLink {
  readonly parentSkillId: number;
  readonly childSkillId: number;
  readonly relationship: string;
  /** 0 to 1. */
  readonly weight: number;
  readonly metadata?: Record<string, unknown> | undefined;
}

export interface SkillPlan {
  readonly skill: StoredSkill;
  readonly prerequisites: StoredSkill[];
  readonly alternatives: StoredSkill[];
  readonly refinements: StoredSkill[];
}

export class SkillLibrary {
  readonly #project: Project;

  /** See `database.ts` for what `db` may be. Vectors are MiniLM's, whatever the embedder is. */
  constructor(db?: unknown, _embedder?: unknown) {
    this.#project = projectOf(db);
  }

  /** Stores a skill with its vector; returns its number. Throws for a name that is taken, as v1. */
  async createSkill(skill: Skill): Promise<number> {
    this.#refuseName(skill.name);
    const now = seconds();
    const row: JsonObject = {
      name: skill.name,
      description: orNull(skill.description),
      signature: asJson(skill.signature),
      code: orNull(skill.code),
      success_rate: skill.successRate,
      uses: skill.uses,
      avg_reward: skill.avgReward,
      avg_latency_ms: skill.avgLatencyMs,
      created_from_episode: skill.createdFromEpisode ?? null,
      created_at: now,
      updated_at: now,
      last_used_at: null,
      metadata: asJson(skill.metadata || null),
    };
    return this.#project.skills.insertEmbedded(row);
  }

  /** Nothing happens for a number that is not there, as in v1. */
  updateSkillStats(skillId: number, success: boolean, reward: number, latencyMs: number): void {
    const row = this.#project.skills.get(skillId);
    if (row === undefined) return;
    const uses = numberOf(row, 'uses') ?? 0;
    const next = (column: string, value: number): number =>
      ((numberOf(row, column) ?? 0) * uses + value) / (uses + 1);
    this.#project.skills.update(skillId, {
      uses: uses + 1,
      success_rate: next('success_rate', success ? 1 : 0),
      avg_reward: next('avg_reward', reward),
      avg_latency_ms: next('avg_latency_ms', latencyMs),
    });
  }

  async searchSkills(query: SkillQuery): Promise<(StoredSkill & { similarity: number })[]> {
    return this.retrieveSkills(query);
  }

  /** The skills of the best score: 0.4 similarity, 0.3 success, 0.1 use, 0.2 reward, as in v1. */
  async retrieveSkills(query: SkillQuery): Promise<(StoredSkill & { similarity: number })[]> {
    const { task, k = 5, minSuccessRate = 0.5 } = query;
    const [vector] = await embedTexts([task]);
    if (vector === undefined) return [];
    const filter = { success_rate: { from: minSuccessRate } };
    const found = await this.#project.skills.nearest(vector, { limit: HITS_MAX, filter });
    const skills = found.map(({ row, similarity }) => ({ ...skillOf(row), similarity }));
    skills.sort((a, b) => scoreOf(b) - scoreOf(a));
    return skills.slice(0, k);
  }

  /** Throws `not-found` for skills that are not there, and `invalid` for a weight outside 0 to 1. */
  linkSkills(link: SkillLink): void {
    const { parentSkillId, childSkillId, relationship: type, weight } = link;
    const [from, to] = [String(parentSkillId), String(childSkillId)];
    const [isDone] = this.#project.records.write([
      linkOperation({ from, to, type, weight, namespace }),
    ]);
    if (isDone === true) return;
    throw new CompatError('not-found', `there is no skill ${from} or no skill ${to}`);
  }

  /** A skill with what it needs, what does the same, and what does it better. Throws if it is not there. */
  getSkillPlan(skillId: number): SkillPlan {
    const row = this.#project.skills.get(skillId);
    if (row === undefined) throw new CompatError('not-found', `Skill ${skillId} not found`);
    const edges = this.#project.records.edges(namespace, String(skillId));
    edges.sort((a, b) => b.weight - a.weight);
    const linked = (type: string): StoredSkill[] =>
      edges.flatMap(({ to, relation }) => {
        const id = parseMemoryKey(to)?.id ?? '';
        const other = relation === type ? this.#project.skills.get(id) : undefined;
        return other === undefined ? [] : [skillOf(other)];
      });
    return {
      skill: skillOf(row),
      prerequisites: linked('prerequisite'),
      alternatives: linked('alternative'),
      refinements: linked('refinement'),
    };
  }

  /** Makes skills of tasks that succeeded several times, or counts one more use of those that are there. */
  async consolidateEpisodesIntoSkills(
    config: {
      minAttempts?: number;
      minReward?: number;
      timeWindowDays?: number;
      extractPatterns?: boolean;
    } = {},
  ): Promise<{ created: number; updated: number; patterns: LearnedPatterns[] }> {
    const { minAttempts = 3, minReward = 0.7, timeWindowDays = 7, extractPatterns = true } = config;
    const groups = this.#goodEpisodes(seconds() - timeWindowDays * DAY_S, minReward);
    const byName = new Map([...this.#project.skills.rows()].map((row) => [row['name'], row['id']]));
    const patterns: LearnedPatterns[] = [];
    let [created, updated] = [0, 0];
    for (const [task, episodes] of groups) {
      if (episodes.length < minAttempts) continue;
      const learned = learn(task, episodes, extractPatterns);
      if (extractPatterns) patterns.push(learned.patterns);
      const known = byName.get(task);
      if (known === undefined) {
        await this.createSkill(learned.skill);
        created += 1;
      } else {
        const { successRate, avgReward, avgLatencyMs } = learned.skill;
        this.updateSkillStats(known as number, successRate > 0.5, avgReward, avgLatencyMs);
        updated += 1;
      }
    }
    return { created, updated, patterns };
  }

  /** Deletes old skills that were seldom used and seldom worked. Returns how many. */
  pruneSkills(
    config: { minUses?: number; minSuccessRate?: number; maxAgeDays?: number } = {},
  ): number {
    const { minUses = 3, minSuccessRate = 0.4, maxAgeDays = 60 } = config;
    const beforeS = seconds() - maxAgeDays * DAY_S;
    const gone = [...this.#project.skills.rows()].filter((row) => {
      const isPoor = (numberOf(row, 'success_rate') ?? 0) < minSuccessRate;
      const isRare = (numberOf(row, 'uses') ?? 0) < minUses;
      return isPoor && isRare && Number(row['created_at']) < beforeS;
    });
    return gone.filter(({ id }) => this.#project.skills.delete(id as number)).length;
  }

  #goodEpisodes(sinceS: number, minReward: number): Map<string, TableRow[]> {
    const groups = new Map<string, TableRow[]>();
    for (const row of this.#project.episodes.rows()) {
      const isMeant = Number(row['ts']) > sinceS && (numberOf(row, 'reward') ?? 0) >= minReward;
      const task = textOf(row, 'task');
      if (!isMeant || task === null) continue;
      const group = groups.get(task) ?? [];
      group.push(row);
      groups.set(task, group);
    }
    return groups;
  }

  #refuseName(name: string): void {
    for (const row of this.#project.skills.rows()) {
      if (row['name'] !== name) continue;
      throw new CompatError('invalid', `there is a skill ${JSON.stringify(name)} already`);
    }
  }
}

export interface LearnedPatterns {
  readonly task: string;
  readonly commonPatterns: string[];
  readonly successIndicators: string[];
  readonly avgReward: number;
}

function learn(
  task: string,
  episodes: readonly TableRow[],
  isPatternWanted: boolean,
): { skill: Skill; patterns: LearnedPatterns } {
  const ids = episodes.map(({ id }) => id as number);
  const avgReward = mean(episodes.map((row) => numberOf(row, 'reward') ?? 0));
  const successRate = mean(episodes.map((row) => (isSuccess(row) ? 1 : 0)));
  const latencies = episodes
    .map((row) => numberOf(row, 'latency_ms'))
    .filter((one) => one !== null);
  const { commonPatterns, successIndicators } = isPatternWanted
    ? patternsIn(episodes.filter(isSuccess))
    : { commonPatterns: [], successIndicators: [] };
  const found = commonPatterns.slice(0, 3).join(', ');
  const skill = {
    name: task,
    description:
      found === ''
        ? 'Auto-generated skill from successful episodes'
        : `Skill learned from ${ids.length} successful episodes. Common patterns: ${found}`,
    signature: { inputs: { task: 'string' }, outputs: { result: 'any' } },
    successRate,
    uses: episodes.length,
    avgReward,
    avgLatencyMs: mean(latencies) || 0,
    createdFromEpisode: Math.max(...ids),
    metadata: {
      sourceEpisodes: ids,
      autoGenerated: true,
      consolidatedAt: Date.now(),
      extractedPatterns: commonPatterns,
      successIndicators,
      patternConfidence: confidenceOf(ids.length, successRate),
    },
  };
  return { skill, patterns: { task, commonPatterns, successIndicators, avgReward } };
}

/** Columns of a row under the names of v1's class. */
function skillOf(row: TableRow): StoredSkill {
  return {
    id: row['id'] as number,
    name: textOf(row, 'name') ?? '',
    description: textOf(row, 'description'),
    signature: row['signature'],
    code: textOf(row, 'code'),
    successRate: numberOf(row, 'success_rate') ?? 0,
    uses: numberOf(row, 'uses') ?? 0,
    avgReward: numberOf(row, 'avg_reward') ?? 0,
    avgLatencyMs: numberOf(row, 'avg_latency_ms') ?? 0,
    createdFromEpisode: numberOf(row, 'created_from_episode'),
    metadata: jsonOf(row, 'metadata'),
  };
}

function scoreOf(skill: StoredSkill & { similarity: number }): number {
  const { similarity, successRate, uses, avgReward } = skill;
  return similarity * 0.4 + successRate * 0.3 + Math.min(uses / 1000, 1) * 0.1 + avgReward * 0.2;
}
