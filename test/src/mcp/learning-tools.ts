/** What the learning tools do. */
import { describe, expect, it } from 'vitest';
import { type Caller, found } from './support.js';

export function testLearningTools({ call, ok, restart }: Caller): void {
  describe('learning', () => {
    const config = { learning_rate: 0.5, discount_factor: 0.9, exploration_rate: 0 };
    let session = '';

    async function start(session_type: string): Promise<string> {
      const text = await ok('learning_start_session', { user_id: 'u', session_type, config });
      return found(text, /Session ID: (session-\S+)/);
    }

    it('learns what is better, and knows it after a restart', async () => {
      session = await start('q-learning');
      const early = await call('learning_predict', { session_id: session, state: 'build is red' });
      expect(early).toMatchObject({ isError: true });
      for (let at = 0; at < 3; at += 1) {
        const one = { session_id: session, state: 'build is red' };
        await ok('learning_feedback', { ...one, action: 'revert', reward: 1, success: true });
        await ok('learning_feedback', { ...one, action: 'ignore', reward: -1, success: false });
      }
      await restart();
      const same = await ok('learning_predict', { session_id: session, state: 'build is red' });
      expect(same).toContain('Recommended Action: revert\n');
      // 0.5, 0.75, 0.875: by half of what is missing to 1 each time.
      expect(same).toContain('Q-Value: 0.875');
      const near = await ok('learning_predict', {
        session_id: session,
        state: 'the build is failing',
      });
      expect(near).toContain('Recommended Action: revert\n');
      expect(near).toContain('nearest known state: build is red');
    });

    it('trains until the error is small', async () => {
      const text = await ok('learning_train', {
        session_id: session,
        epochs: 100,
        learning_rate: 0.3,
      });
      expect(text).toContain('Epochs: 100');
      expect(found(text, /Final Loss: ([\d.]+)/)).toBe('0.0000');
      const none = await call('learning_train', { session_id: await start('dqn') });
      expect(none).toMatchObject({ isError: true });
      const metrics = await ok('learning_metrics', { session_id: session, group_by: 'session' });
      expect(metrics).toContain('Total Episodes: 6');
      expect(metrics).toContain('Success Rate: 50.0%');
      expect(metrics).toContain('Reward Range: [-1.00, 1.00]');
      expect(metrics).toContain('Versions: 1');
    });

    it('hands on what it learnt', async () => {
      const other = await start('sarsa');
      const text = await ok('learning_transfer', {
        source_session: session,
        target_session: other,
      });
      expect(text).toContain('Episodes: 6');
      const predicted = await ok('learning_predict', { session_id: other, state: 'build is red' });
      expect(predicted).toContain('Recommended Action: revert\n');
      const wrong = {
        source_session: session,
        target_session: other,
        transfer_type: 'causal_edges',
      };
      expect(await call('learning_transfer', wrong)).toMatchObject({ isError: true });
    });

    it('explains with what happened', async () => {
      await ok('experience_record', {
        session_id: 'tools',
        tool_name: 'bash',
        action: 'npm test',
        outcome: 'passed',
        reward: 0.8,
        success: true,
        latency_ms: 1200,
        state_after: { green: true },
      });
      const text = await ok('learning_explain', { query: 'run npm test', explain_depth: 'full' });
      expect(text).toMatch(/passed\n {3}• Confidence/);
      expect(text).toMatch(/reward=0\.80, similarity=\d/);
      expect(text).toContain('tests → quality');
      expect(await ok('learning_metrics', { session_id: 'tools' })).toContain(
        'Avg Latency: 1200ms',
      );
    });

    it('computes rewards as v1 did', async () => {
      expect(await ok('reward_signal', { success: true })).toContain('Final Reward: 0.900');
      const sparse = await ok('reward_signal', {
        success: true,
        target_achieved: false,
        reward_function: 'sparse',
      });
      expect(sparse).toContain('Final Reward: 0.000');
      expect(await call('reward_signal', { success: true, episode_id: 999999 })).toMatchObject({
        isError: true,
      });
    });

    it('ends', async () => {
      expect(await ok('learning_end_session', { session_id: session })).toContain('version 2');
      for (const [name, more] of [
        ['learning_end_session', {}],
        ['learning_predict', { state: 'x' }],
        ['learning_feedback', { state: 'x', action: 'y', reward: 1, success: true }],
      ] as const) {
        expect(await call(name, { session_id: session, ...more })).toMatchObject({ isError: true });
      }
    });
  });
}
