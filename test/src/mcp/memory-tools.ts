/** What the tools of agentdb and the patterns of agentic-flow do. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Caller, found, json, MAIN } from './support.js';

const run = promisify(execFile);

export function testMemoryTools({ call, ok, restart, directory }: Caller): void {
  describe('episodes', () => {
    it('are inserted, found by meaning, and there after a restart', async () => {
      await ok('agentdb_init');
      const inserted = await ok('agentdb_insert', {
        text: 'Repair the login form',
        tags: ['web', 'auth'],
        session_id: 's1',
        metadata: { ticket: 7 },
      });
      expect(found(inserted, /ID: (\d+)/)).toBe('1');
      const batch = await ok('agentdb_insert_batch', {
        items: [{ text: 'Bake bread with rye flour', session_id: 's2' }, { text: 'Sail a boat' }],
        batch_size: 1,
      });
      expect(batch).toContain('Inserted: 2 vectors');
      await restart();
      const near = await ok('agentdb_search', { query: 'authentication page is broken', k: 2 });
      expect(found(near, /1\. \[ID: (\d+)\]/)).toBe('1');
      const tagged = await ok('agentdb_search', { query: 'anything', filters: { tags: ['auth'] } });
      expect(tagged).toContain('Found: 1 results');
      const session = await ok('agentdb_search', { query: 'any', filters: { session_id: 's2' } });
      expect(session).toContain('Bake bread');
      expect(session).not.toContain('Sail');
    });

    it('are deleted by id, by session and by time', async () => {
      expect(await ok('agentdb_delete', { id: 1 })).toContain('Deleted: 1');
      expect(await ok('agentdb_delete', { id: 1 })).toContain('Deleted: 0');
      expect(await ok('agentdb_delete', { filters: { session_id: 's2' } })).toContain('Deleted: 1');
      const before = { before_timestamp: Math.floor(Date.now() / 1000) - 3600 };
      expect(await ok('agentdb_delete', { filters: before })).toContain('Deleted: 0');
      const after = { before_timestamp: Math.floor(Date.now() / 1000) + 3600 };
      expect(await ok('agentdb_delete', { filters: after })).toContain('Deleted: 1');
      expect(await ok('agentdb_search', { query: 'Sail a boat' })).toContain('Found: 0');
      expect((await call('agentdb_delete', {})).isError).toBe(true);
      expect((await call('agentdb_delete', { filters: {} })).isError).toBe(true);
      expect((await call('agentdb_init', { reset: true })).isError).toBe(true);
    });

    it('carry reward, success and critique', async () => {
      const stored = await ok('reflexion_store', {
        session_id: 'r',
        task: 'Deploy the service',
        reward: 0.1,
        success: false,
        critique: 'The migration of the database was forgotten',
        latency_ms: 12,
        tokens: 34,
      });
      expect(stored).toMatch(/^✅ Stored episode #\d+\nTask: Deploy the service\nReward: 0\.1/);
      await ok('reflexion_store', {
        session_id: 'r',
        task: 'Deploy again',
        reward: 0.9,
        success: true,
      });
      const failures = await ok('reflexion_retrieve', { task: 'deployment', only_failures: true });
      expect(failures).toContain('Retrieved 1 episodes');
      expect(failures).toContain('Reward: 0.10');
      const good = await ok('reflexion_retrieve', { task: 'deployment', min_reward: 0.5 });
      expect(good).toContain('Deploy again');
      expect(good).not.toContain('Deploy the service');
      const successes = await ok('reflexion_retrieve', {
        task: 'deploy',
        only_successes: true,
        k: 1,
      });
      expect(successes).toContain('Deploy again');
    });
  });

  describe('skills and causes', () => {
    it('are kept and found', async () => {
      const made = await ok('skill_create', {
        name: 'retry',
        description: 'Try a request again with growing pauses',
        code: 'for (;;) {}',
        success_rate: 0.8,
      });
      expect(made).toBe('✅ Created skill #1: retry');
      await ok('skill_create', {
        name: 'guess',
        description: 'Try a request once',
        success_rate: 0.2,
      });
      const skills = await ok('skill_search', {
        task: 'network calls fail',
        min_success_rate: 0.5,
      });
      expect(skills).toContain('Found 1 skills');
      expect(skills).toContain(
        '1. retry\n   Try a request again with growing pauses\n   Success: 80.0%',
      );
      await ok('causal_add_edge', {
        cause: 'tests',
        effect: 'quality',
        uplift: 0.4,
        sample_size: 9,
      });
      await ok('causal_add_edge', { cause: 'haste', effect: 'quality', uplift: -0.3 });
      const causes = await ok('causal_query', { effect: 'quality' });
      expect(causes).toContain('Found 1 causal edges');
      expect(causes).toContain('1. tests → quality\n   Uplift: 0.400 (confidence: 0.95)');
      const all = await ok('causal_query', { min_uplift: -1, limit: 1 });
      expect(all).toContain('Found 2 causal edges');
      expect(all).not.toContain('2. haste');
    });

    it('are discovered in the history of sessions', async () => {
      const items: [string, string, number][] = [];
      for (let at = 0; at < 6; at += 1) {
        items.push([`with-${at}`, 'write a plan', 0.9], [`with-${at}`, 'build it', 0.9]);
        items.push([`without-${at}`, 'build it', 0.2]);
      }
      for (const [session_id, task, reward] of items) {
        await ok('reflexion_store', { session_id, task, reward, success: reward > 0.5 });
      }
      const dry = await ok('learner_discover', { dry_run: true });
      expect(dry).toContain('write a plan → build it\n   Uplift: 0.700 (n=6');
      expect(await ok('causal_query', { cause: 'write a plan' })).toContain('Found 0');
      await ok('learner_discover', {});
      expect(await ok('causal_query', { cause: 'write a plan' })).toContain('Found 1');
      expect(await ok('learner_discover', {})).toContain('0 stored');
    });
  });

  describe('recall', () => {
    it('certifies what it returns', async () => {
      const { text, structured } = await call('recall_with_certificate', {
        query: 'build it',
        k: 3,
      });
      const id = found(text, /Certificate ID: ([0-9a-f]{64})/);
      const certificate = structured?.['certificate'] as Record<string, unknown>;
      expect(certificate).toMatchObject({ id, query_text: 'build it' });
      expect(certificate['chunk_ids']).toHaveLength(3);
      expect(certificate['source_hashes']).toHaveLength(3);
      const verify = (): Promise<{ stdout: string }> =>
        run(process.execPath, [MAIN, 'mcp', 'verify', id, '--data', directory]);
      expect((await verify()).stdout).toBe('valid\n');
      const [first] = certificate['chunk_ids'] as string[];
      await ok('agentdb_delete', { id: Number(first) });
      await expect(verify()).rejects.toMatchObject({
        code: 2,
        stdout: expect.stringContaining('not there'),
      });
    });
  });

  describe('patterns', () => {
    it('of agentdb are stored, searched and counted', async () => {
      await ok('agentdb_pattern_store', {
        taskType: 'code_review',
        approach: 'Read the tests first, then the code',
        successRate: 0.9,
        tags: ['review'],
      });
      await ok('agentdb_pattern_store', {
        taskType: 'cooking',
        approach: 'Taste',
        successRate: 0.5,
      });
      const search = await ok('agentdb_pattern_search', {
        task: 'look over a change',
        threshold: 0.1,
        filters: { minSuccessRate: 0.8, tags: ['review', 'other'] },
      });
      expect(search).toContain('Found: 1 matching patterns');
      expect(search).toContain('[ID: 1] code_review');
      const stats = await ok('agentdb_pattern_stats', {});
      expect(stats).toContain('Total Patterns: 2');
      expect(stats).toContain('Avg Success Rate: 70.0%');
    });

    it('of agentic-flow are attempts', async () => {
      const stored = await ok('agentdb_pattern_store', {
        sessionId: 'a',
        task: 'Translate a poem',
        reward: 0.7,
        success: true,
        critique: 'Rhymes were lost',
      });
      expect(json(stored)).toMatchObject({
        success: true,
        sessionId: 'a',
        stored: true,
        reward: 0.7,
      });
      const search = await ok('agentdb_pattern_search', {
        task: 'translating verse',
        minReward: 0.6,
      });
      expect(String(json(search)['results'])).toContain('Translate a poem');
      const both = await ok('agentdb_pattern_search', { task: 'translating verse', k: 5 });
      expect(both).toContain('matching patterns');
      expect(both).toContain('Translate a poem');
      const stats = await ok('agentdb_pattern_stats', { task: 'translating verse', k: 1 });
      expect(json(stats)).toMatchObject({ analyzedPatterns: 1 });
      expect(stats).toContain('Rhymes were lost');
    });

    it('fit one of two forms', async () => {
      const { isError, text } = await call('agentdb_pattern_store', { taskType: 'x', task: 'y' });
      expect(isError).toBe(true);
      expect(text).toContain('as in agentic-flow');
      expect(text).toContain('as in agentdb');
    });
  });

  describe('statistics', () => {
    it('count what there is', async () => {
      expect(await ok('db_stats')).toMatch(/Episodes \(Vectors\): [1-9]\d*\nSkills: 2/);
      expect(await ok('agentdb_stats', { detailed: true })).toMatch(/Database Size: \d+\.\d\d MB/);
      expect(await ok('agentdb_clear_cache', {})).toContain('Cache cleared');
      expect(json(await ok('agentdb_clear_cache', { confirm: false }))).toMatchObject({
        success: false,
      });
      expect(json(await ok('agentdb_clear_cache', { confirm: true }))).toMatchObject({
        success: true,
      });
      expect(await ok('db_stats')).toContain('Skills: 2');
    });
  });
}
