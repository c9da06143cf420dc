/**
 * Calls of v1's functions, in one order on one project. Each is made on v1 and on this package, and what they
 * answer is compared: whole (`value`) where v1 is deterministic, else names and kinds (`shape`).
 */
import type * as ReasoningBank from '../../src/compat/reasoningbank/index.js';
import type * as BackendSelector from '../../src/compat/backend-selector.js';

export interface Api {
  readonly bank: typeof ReasoningBank;
  readonly selector: typeof BackendSelector;
  /** What v1's classes get as their database: a connection there, nothing here. */
  readonly database: unknown;
}

export interface Call {
  readonly name: string;
  readonly compared: 'value' | 'shape';
  run(api: Api): unknown;
}

const value = (name: string, run: Call['run']): Call => ({ name, compared: 'value', run });
const shape = (name: string, run: Call['run']): Call => ({ name, compared: 'shape', run });

function memory(id: string, confidence: number, words: string, outcome: string, domain = 'web') {
  return {
    id,
    type: 'reasoning_memory',
    pattern_data: {
      title: `Title of ${words}`,
      description: `What to do about ${words}`,
      content: `1) Look at ${words}. 2) Repair it.`,
      source: { task_id: 'task-1', agent_id: 'coder', outcome, evidence: [] },
      tags: ['tag', domain],
      domain,
      created_at: '2026-01-02T03:04:05.678Z',
      confidence,
      n_uses: 0,
    },
    confidence,
    usage_count: 0,
  };
}

const MEMORIES = [
  memory('m-1', 0.9, 'csrf tokens', 'Success'),
  memory('m-2', 0.8, 'flaky builds', 'Success', 'ci'),
  memory('m-3', 0.7, 'slow queries', 'Failure', 'database'),
  memory('m-4', 0.25, 'unsure things', 'Success'),
];
const CANDIDATES = [
  { id: 'a', score: 0.9, embedding: Float32Array.of(1, 0, 0) },
  { id: 'b', score: 0.8, embedding: Float32Array.of(0.9, 0.1, 0) },
  { id: 'c', score: 0.5, embedding: Float32Array.of(0, 1, 0) },
];
const DONE = { steps: [{ action: 'run', result: 'complete' }, { action: 'look' }] };
const FAILED = { steps: [{ action: 'run', result: 'an ERROR' }] };
const PII =
  'mail ann@example.com, ssn 123-45-6789, card 4111 1111 1111 1111, phone 555-123-4567, ip 10.0.0.1, ' +
  'url https://x.test/?token=abc&b=1, aws AKIAABCDEFGHIJKLMNOP';
const EPISODE = {
  sessionId: 'session-1',
  task: 'fix the login',
  input: 'the login fails',
  output: 'retry with backoff',
  critique: 'check the token first',
  reward: 0.9,
  success: true,
  latencyMs: 120,
  tokensUsed: 50,
  tags: ['login'],
  metadata: { ticket: 7 },
};
const SKILL = {
  name: 'retrying',
  description: 'retries with backoff',
  signature: { inputs: { url: 'string' }, outputs: {} },
  code: 'retry()',
  successRate: 0.9,
  uses: 10,
  avgReward: 0.8,
  avgLatencyMs: 20,
  metadata: { kind: 'network' },
};
const EDGE = {
  fromMemoryId: 1,
  fromMemoryType: 'episode',
  toMemoryId: 2,
  toMemoryType: 'episode',
  similarity: 0.7,
  uplift: 0.25,
  confidence: 0.8,
  sampleSize: 12,
  evidenceIds: ['e-1'],
  mechanism: 'a retry helps',
  metadata: { by: 'test' },
};
const EXPERIMENT = {
  name: 'retries',
  hypothesis: 'retries raise the reward',
  treatmentId: 1,
  treatmentType: 'episode',
  startTime: 1_700_000_000,
  sampleSize: 0,
  status: 'running',
};

const TIMES = new Set(['created_at', 'last_used', 'age_days', 'embedding']);

function withoutTimes(row: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(row).filter(([field]) => !TIMES.has(field)));
}

const FUNCTIONS: readonly Call[] = [
  value('VERSION', ({ bank }) => bank.VERSION),
  value('PAPER_URL', ({ bank }) => bank.PAPER_URL),
  value('loadConfig', ({ bank }) => bank.loadConfig()),
  value('cosineSimilarity', ({ bank }) => [
    bank.cosineSimilarity([1, 2, 3], [3, 2, 1]),
    bank.cosineSimilarity([0, 0], [1, 1]),
  ]),
  value('cosineSimilarity of two lengths', ({ bank }) => bank.cosineSimilarity([1], [1, 2])),
  value('mmrSelection', ({ bank }) =>
    bank.mmrSelection(CANDIDATES, Float32Array.of(1, 0, 0), 2, 0.5).map(({ id }) => id),
  ),
  value('mmrSelection by diversity', ({ bank }) =>
    bank.mmrSelection(CANDIDATES, Float32Array.of(1, 0, 0), 2, 0.1).map(({ id }) => id),
  ),
  value('mmrSelection of all', ({ bank }) => bank.mmrSelection(CANDIDATES, [1], 9).length),
  value('scrubPII', ({ bank }) => bank.scrubPII(PII)),
  value('scrubPII with patterns', ({ bank }) =>
    bank.scrubPII('a b a', [{ pattern: /a/g, replacement: 'X' }]),
  ),
  value('containsPII', ({ bank }) => bank.containsPII('write to ann@example.com')),
  value('containsPII of nothing', ({ bank }) => bank.containsPII('nothing here')),
  value('scrubMemory', ({ bank }) =>
    bank.scrubMemory({ title: PII, description: 'd', content: 'ip 10.0.0.1', more: 1 } as never),
  ),
  value('judgeTrajectory of a success', ({ bank }) => bank.judgeTrajectory(DONE, 'a task')),
  value('judgeTrajectory of a failure', ({ bank }) => bank.judgeTrajectory(FAILED, 'a task')),
  value('judgeTrajectory of nothing', ({ bank }) => bank.judgeTrajectory({}, 'a task')),
  value('distillMemories without a key', async ({ bank }) => {
    const verdict = { label: 'Success', confidence: 0.5, reasons: [] } as const;
    return bank.distillMemories(DONE, { ...verdict, reasons: [] }, 'a task');
  }),
  value('formatMemoriesForPrompt of none', ({ bank }) => bank.formatMemoriesForPrompt([])),
  value('formatMemoriesForPrompt', ({ bank }) =>
    bank.formatMemoriesForPrompt([
      {
        id: 'x',
        title: 'T',
        description: 'D',
        content: 'C',
        score: 0.5,
        components: { similarity: 0.25, recency: 1, reliability: 1 },
      },
    ]),
  ),
  shape('computeEmbedding', ({ bank }) => bank.computeEmbedding('some text')),
  value('clearEmbeddingCache', ({ bank }) => bank.clearEmbeddingCache()),
];

const DATABASE: readonly Call[] = [
  value('db before initialize', ({ bank }) => bank.db.getAllActiveMemories()),
  value('initialize', ({ bank }) => bank.initialize()),
  value('db.runMigrations again', ({ bank }) => bank.db.runMigrations()),
  value('shouldConsolidate of nothing', ({ bank }) => bank.shouldConsolidate()),
  value('retrieveMemories of nothing', ({ bank }) => bank.retrieveMemories('anything')),
  value('db.upsertMemory', ({ bank }) => MEMORIES.map((one) => bank.db.upsertMemory(one))),
  value('db.upsertEmbedding', async ({ bank }) => {
    for (const { id, pattern_data: data } of MEMORIES) {
      const vector = await bank.computeEmbedding(
        `${data.title} ${data.description} ${data.content}`,
      );
      bank.db.upsertEmbedding({ id, model: 'local', dims: vector.length, vector });
    }
  }),
  value('db.upsertEmbedding of no memory', ({ bank }) =>
    bank.db.upsertEmbedding({ id: 'no', model: 'x', dims: 2, vector: Float32Array.of(1, 0) }),
  ),
  value('db.getAllActiveMemories', ({ bank }) => bank.db.getAllActiveMemories().map(withoutTimes)),
  shape('db.getAllActiveMemories with times', ({ bank }) => bank.db.getAllActiveMemories()),
  value('db.fetchMemoryCandidates', ({ bank }) =>
    bank.db.fetchMemoryCandidates({}).map(withoutTimes),
  ),
  shape('db.fetchMemoryCandidates with times', ({ bank }) => bank.db.fetchMemoryCandidates({})),
  value('db.fetchMemoryCandidates of a domain', ({ bank }) =>
    bank.db.fetchMemoryCandidates({ domain: 'ci', minConfidence: 0.5 }).map(({ id }) => id),
  ),
  value("an embedding of one's own", ({ bank }) => {
    bank.db.upsertMemory(memory('own', 0.95, 'own vectors', 'Success', 'own'));
    const vector = Float32Array.from({ length: 384 }, (_, at) => (at === 3 ? 1 : 0));
    bank.db.upsertEmbedding({ id: 'own', model: 'mine', dims: 384, vector });
    const [found] = bank.db.fetchMemoryCandidates({ domain: 'own' });
    return [...(found?.embedding ?? [])].indexOf(1);
  }),
  value('db.incrementUsage', ({ bank }) => {
    bank.db.incrementUsage('m-2');
    bank.db.incrementUsage('m-2');
    bank.db.incrementUsage('none');
    return bank.db.getAllActiveMemories().map(({ id, usage_count: count }) => [id, count]);
  }),
  value('db.storeLink', ({ bank }) => bank.db.storeLink('m-1', 'm-3', 'contradicts', 0.7)),
  value('db.storeLink to nothing', ({ bank }) => bank.db.storeLink('m-1', 'none', 'x', 0.7)),
  value('db.getContradictions', ({ bank }) => bank.db.getContradictions('m-1')),
  value('db.getContradictions of none', ({ bank }) => bank.db.getContradictions('m-2')),
  value('db.storeTrajectory', ({ bank }) =>
    bank.db.storeTrajectory({
      task_id: 'task-1',
      agent_id: 'coder',
      query: 'a task',
      trajectory_json: JSON.stringify(DONE),
    }),
  ),
  value('db.storeMattsRun', ({ bank }) => bank.db.storeMattsRun(MATTS_RUN)),
  value('db.storeMattsRun twice', ({ bank }) => bank.db.storeMattsRun(MATTS_RUN)),
  value('db.logMetric', ({ bank }) => bank.db.logMetric('rb.test', 1.5)),
  value('db.countNewMemoriesSinceConsolidation', ({ bank }) =>
    bank.db.countNewMemoriesSinceConsolidation(),
  ),
  shape('retrieveMemories', ({ bank }) => bank.retrieveMemories('csrf tokens', { k: 2 })),
  value('retrieveMemories of a domain', async ({ bank }) => {
    const found = await bank.retrieveMemories('builds', { domain: 'ci' });
    return found.map(({ id, title, content }) => [id, title, content]);
  }),
  shape('consolidate', ({ bank }) => bank.consolidate()),
  value('db.countNewMemoriesSinceConsolidation afterwards', ({ bank }) =>
    bank.db.countNewMemoriesSinceConsolidation(),
  ),
  value('db.pruneOldMemories', ({ bank }) =>
    bank.db.pruneOldMemories({ maxAgeDays: -1, minConfidence: 0.3 }),
  ),
  shape('runTask', ({ bank }) =>
    bank.runTask({ taskId: 't', agentId: 'a', query: 'a task', executeFn: async () => DONE }),
  ),
  shape('mattsParallel', ({ bank }) => bank.mattsParallel(async () => DONE, 'a task', { k: 2 })),
  shape('mattsSequential', ({ bank }) => bank.mattsSequential(async () => FAILED, 'x', { r: 2 })),
  value('db.getDb', ({ bank }) => typeof (bank.db.getDb as () => object)()),
  value('db.closeDb', ({ bank }) => bank.db.closeDb()),
];

const MATTS_RUN = { run_id: 'run-1', task_id: 'task-1', mode: 'parallel', k: 3, status: 'running' };

const CLASSES: readonly Call[] = [
  shape('EmbeddingService.embed', ({ bank }) => embedder(bank).embed('some text')),
  shape('EmbeddingService.embedBatch', ({ bank }) => embedder(bank).embedBatch(['a', 'b'])),
  value('ReflexionMemory.storeEpisode', async (api) => {
    const memories = reflexion(api);
    const failed = { ...EPISODE, success: false, reward: 0.2, critique: 'do not guess' };
    const last = { ...EPISODE, task: 'write a test', sessionId: 'session-2' };
    return [
      await memories.storeEpisode(EPISODE),
      await memories.storeEpisode(failed),
      await memories.storeEpisode({ ...EPISODE, reward: 0.8 }),
      await memories.storeEpisode({ ...EPISODE, reward: 0.7 }),
      await memories.storeEpisode(last),
    ];
  }),
  shape('ReflexionMemory.retrieveRelevant', (api) =>
    reflexion(api).retrieveRelevant({ task: 'fix the login', k: 3 }),
  ),
  value('ReflexionMemory.retrieveRelevant of failures', async (api) => {
    const found = await reflexion(api).retrieveRelevant({ task: 'login', onlyFailures: true });
    return found.map(({ id, task, success, critique, tags, metadata }) => {
      return [id, task, success, critique, tags, metadata];
    });
  }),
  value('ReflexionMemory.retrieveRelevant of rewards', async (api) => {
    const query = { task: 'x', minReward: 0.8, onlySuccesses: true, timeWindowDays: 1, k: 10 };
    const found = await reflexion(api).retrieveRelevant(query);
    return found.map(({ id }) => id).sort((a, b) => a - b);
  }),
  value('ReflexionMemory.getTaskStats', (api) => reflexion(api).getTaskStats('fix the login', 30)),
  value('ReflexionMemory.getTaskStats of none', (api) => reflexion(api).getTaskStats('none')),
  value('ReflexionMemory.getCritiqueSummary', (api) =>
    reflexion(api).getCritiqueSummary({ task: 'fix the login' }),
  ),
  shape('ReflexionMemory.getSuccessStrategies', (api) =>
    reflexion(api).getSuccessStrategies({ task: 'fix the login' }),
  ),
  value('ReflexionMemory.pruneEpisodes', (api) => reflexion(api).pruneEpisodes({ maxAgeDays: 1 })),
  value('SkillLibrary.createSkill', async (api) => {
    const library = skills(api);
    const poor = { ...SKILL, name: 'guessing', successRate: 0.1, uses: 1 };
    return [
      await library.createSkill(SKILL),
      await library.createSkill({ ...SKILL, name: 'waiting', successRate: 0.6 }),
      await library.createSkill(poor),
    ];
  }),
  value('SkillLibrary.createSkill twice', (api) => skills(api).createSkill(SKILL)),
  shape('SkillLibrary.searchSkills', (api) => skills(api).searchSkills({ task: 'retry', k: 1 })),
  value('SkillLibrary.searchSkills by success', async (api) => {
    const found = await skills(api).searchSkills({ task: 'retry', k: 9, minSuccessRate: 0.5 });
    return found.map(({ name }) => name).sort((a, b) => a.localeCompare(b));
  }),
  value('SkillLibrary.linkSkills', (api) => {
    const library = skills(api);
    const link = { parentSkillId: 1, childSkillId: 2, weight: 0.5 };
    library.linkSkills({ ...link, relationship: 'prerequisite' });
    library.linkSkills({ ...link, childSkillId: 3, relationship: 'alternative' });
  }),
  value('SkillLibrary.getSkillPlan', (api) => skills(api).getSkillPlan(1)),
  value('SkillLibrary.getSkillPlan of none', (api) => skills(api).getSkillPlan(99)),
  value('SkillLibrary.updateSkillStats', (api) => {
    skills(api).updateSkillStats(1, false, 0.1, 40);
    const { skill } = skills(api).getSkillPlan(1);
    return [skill.uses, skill.successRate, skill.avgReward, skill.avgLatencyMs];
  }),
  shape('SkillLibrary.consolidateEpisodesIntoSkills', (api) =>
    skills(api).consolidateEpisodesIntoSkills({ minAttempts: 3 }),
  ),
  value('SkillLibrary.consolidateEpisodesIntoSkills again', async (api) => {
    const { created, updated, patterns } = await skills(api).consolidateEpisodesIntoSkills({});
    return { created, updated, patterns };
  }),
  value('SkillLibrary.pruneSkills', (api) => skills(api).pruneSkills({ maxAgeDays: -1 })),
  value('CausalMemoryGraph.addCausalEdge', (api) => {
    const graph = causal(api);
    return [
      graph.addCausalEdge(EDGE),
      graph.addCausalEdge({ ...EDGE, fromMemoryId: 2, toMemoryId: 3, uplift: -0.5 }),
      graph.addCausalEdge({ ...EDGE, toMemoryId: 99, confidence: 0.4 }),
    ];
  }),
  value('CausalMemoryGraph.queryCausalEffects', (api) =>
    causal(api).queryCausalEffects({ interventionMemoryId: 1, interventionMemoryType: 'episode' }),
  ),
  value('CausalMemoryGraph.getCausalChain', (api) => causal(api).getCausalChain(1, 3)),
  value('CausalMemoryGraph.calculateCausalGain', (api) =>
    causal(api).calculateCausalGain(1, 'reward'),
  ),
  value('CausalMemoryGraph.detectConfounders', (api) => causal(api).detectConfounders(1)),
  value('CausalMemoryGraph.detectConfounders of none', (api) => causal(api).detectConfounders(99)),
  value('CausalMemoryGraph.createExperiment', (api) => causal(api).createExperiment(EXPERIMENT)),
  value('CausalMemoryGraph.calculateUplift of nothing', (api) => causal(api).calculateUplift(1)),
  value('CausalMemoryGraph.calculateUplift', (api) => {
    for (const [at, outcomeValue] of [0.9, 0.8, 0.85, 0.3, 0.4, 0.35].entries()) {
      const isTreatment = at < 3;
      const observation = { experimentId: 1, episodeId: 1, isTreatment, outcomeType: 'reward' };
      causal(api).recordObservation({ ...observation, outcomeValue });
    }
    return causal(api).calculateUplift(1);
  }),
  shape('CausalRecall.recall', (api) => recaller(api).recall('query-1', 'fix login', 2)),
  shape('CausalRecall.batchRecall', (api) =>
    recaller(api).batchRecall([{ queryId: 'q', queryText: 'fix the login', k: 1 }]),
  ),
  shape('CausalRecall.search', (api) => recaller(api).search({ query: 'fix login', k: 2 })),
  shape('CausalRecall.getStats', (api) => recaller(api).getStats()),
  shape('NightlyLearner.run', (api) => learner(api).run()),
  value('NightlyLearner.discover', (api) => learner(api).discover({ dryRun: true })),
  shape('HybridReasoningBank', ({ bank }) => new bank.HybridReasoningBank().getStats()),
  shape('AdvancedMemorySystem', ({ bank }) => new bank.AdvancedMemorySystem().whatIfAnalysis('x')),
];

const SELECTOR: readonly Call[] = [
  value('getRecommendedBackend', ({ selector }) => selector.getRecommendedBackend()),
  value('hasIndexedDB', ({ selector }) => selector.hasIndexedDB()),
  value('hasSQLite', ({ selector }) => selector.hasSQLite()),
  value('getBackendInfo', ({ selector }) => selector.getBackendInfo()),
  value('validateEnvironment', ({ selector }) => selector.validateEnvironment()),
  value(
    'checkEnvironment',
    ({ selector }) => selector.checkEnvironment === selector.validateEnvironment,
  ),
  value('createOptimalReasoningBank', async ({ selector }) => {
    const made = await selector.createOptimalReasoningBank('any-name');
    return Object.keys(made).sort((a, b) => a.localeCompare(b));
  }),
];

export const CALLS: readonly Call[] = [...FUNCTIONS, ...DATABASE, ...CLASSES, ...SELECTOR];

const EMBEDDING = { model: 'Xenova/all-MiniLM-L6-v2', dimension: 384, provider: 'transformers' };

function embedder(bank: Api['bank']): InstanceType<Api['bank']['EmbeddingService']> {
  return new bank.EmbeddingService(EMBEDDING);
}

function reflexion({ bank, database }: Api): InstanceType<Api['bank']['ReflexionMemory']> {
  return new bank.ReflexionMemory(database, embedder(bank));
}

function skills({ bank, database }: Api): InstanceType<Api['bank']['SkillLibrary']> {
  return new bank.SkillLibrary(database, embedder(bank));
}

function causal({ bank, database }: Api): InstanceType<Api['bank']['CausalMemoryGraph']> {
  return new bank.CausalMemoryGraph(database);
}

function recaller({ bank, database }: Api): InstanceType<Api['bank']['CausalRecall']> {
  return new bank.CausalRecall(database, embedder(bank));
}

function learner({ bank, database }: Api): InstanceType<Api['bank']['NightlyLearner']> {
  return new bank.NightlyLearner(database, embedder(bank));
}
