/** Learning sessions: start, feedback, training, prediction. */
import { onStore, onStoreWithModel, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import { EPOCHS_MAX, UPDATES_MAX } from '../limits.js';
import { type Algorithm } from '../learning/algorithms.js';
import { recommend } from '../learning/predict.js';
import * as sessions from '../learning/sessions.js';
import { train } from '../learning/train.js';
import { EXPERIENCES, scanned } from '../rows.js';
import * as value from '../values.js';

const ALTERNATIVES_MAX = 3;

export const learningTools: Tools = {
  learning_start_session: onStore(async (args, store) => {
    const userId = value.nameText(args, 'user_id');
    const algorithm = value.text(args, 'session_type') as Algorithm;
    const given = value.object(args, 'config');
    const config = {
      learningRate: value.within(given, 'learning_rate', 0.01),
      discountFactor: value.within(given, 'discount_factor', 0.99),
      explorationRate: value.within(given, 'exploration_rate', 0.1),
      batchSize: value.count(given, 'batch_size', 32, 10_000),
      targetUpdateFrequency: value.count(given, 'target_update_frequency', 100, 1_000_000),
    };
    const id = await sessions.startSession(store, userId, algorithm, config);
    return (
      `✅ Learning session started!\n\n🆔 Session ID: ${id}\n👤 User: ${userId}\n` +
      `🧠 Algorithm: ${algorithm} (on a table)\n⚙️  Config:\n` +
      `   • Learning Rate: ${config.learningRate}\n` +
      `   • Discount Factor: ${config.discountFactor}\n` +
      `   • Exploration Rate: ${config.explorationRate}\n   • Batch Size: ${config.batchSize}\n\n` +
      '📝 Use this session ID for predictions and feedback.'
    );
  }),

  learning_end_session: onStore(async (args, store, { project }) => {
    const id = value.nameText(args, 'session_id');
    const version = await project.inTurn(`session ${id}`, async () => {
      const session = await sessions.sessionOf(store, id);
      if (!session.isActive) throw new ToolError(`Session already completed: ${id}`);
      return sessions.endSession(project, store, session);
    });
    return (
      `✅ Learning session ended!\n\n🆔 Session ID: ${id}\n` +
      `💾 Final policy saved to database (version ${version})\n📊 Session marked as completed`
    );
  }),

  learning_predict: onStoreWithModel(async (args, store) => {
    const session = await sessions.activeSessionOf(store, value.nameText(args, 'session_id'));
    const state = value.text(args, 'state');
    const policy = await sessions.policyOfSession(store, session.id);
    const found = await recommend(store, session, policy, state);
    const explores = Math.random() < session.rates.exploration && found.actions.length > 1;
    const at = explores ? 1 + Math.floor(Math.random() * (found.actions.length - 1)) : 0;
    const chosen = found.actions[at]!;
    const others = found.actions.filter((action) => action !== chosen).slice(0, ALTERNATIVES_MAX);
    const lines = others.map(
      ({ action, confidence }, place) =>
        `   ${place + 1}. ${action} (${value.percent(confidence)} confidence)`,
    );
    const near =
      found.similarity === 1
        ? ''
        : `\n🔎 Learnt in the nearest known state: ${found.state} ` +
          `(similarity ${found.similarity.toFixed(3)})`;
    return (
      `🎯 AI Recommendation:\n\n📍 State: ${state}\n✨ Recommended Action: ${chosen.action}` +
      `${explores ? ' (exploring)' : ''}\n💯 Confidence: ${value.percent(chosen.confidence)}\n` +
      `📊 Q-Value: ${chosen.score.toFixed(3)}\n\n🔄 Alternative Actions:\n` +
      `${lines.join('\n') || '   none was tried'}${near}`
    );
  }),

  learning_feedback: onStoreWithModel(async (args, store, { project }) => {
    const id = value.nameText(args, 'session_id');
    const nextState = value.optionalText(args, 'next_state');
    const feedback = {
      state: value.text(args, 'state'),
      action: value.text(args, 'action'),
      reward: value.number(args, 'reward', 0),
      ...(nextState === undefined ? {} : { nextState }),
      isSuccess: value.flag(args, 'success'),
    };
    if (feedback.state === '' || feedback.action === '') {
      throw new ToolError('"state" and "action" may not be empty');
    }
    await project.inTurn(`session ${id}`, async () => {
      const session = await sessions.activeSessionOf(store, id);
      await sessions.addExperiences(project, store, session, [feedback]);
    });
    return (
      `✅ Feedback recorded!\n\n🆔 Session: ${id}\n📍 State: ${feedback.state}\n` +
      `🎬 Action: ${feedback.action}\n🏆 Reward: ${feedback.reward.toFixed(2)}\n` +
      `${feedback.isSuccess ? '✅' : '❌'} Success: ${feedback.isSuccess}\n` +
      `${nextState === undefined ? '' : `➡️  Next State: ${nextState}\n`}` +
      '🧠 Policy updated incrementally'
    );
  }),

  learning_train: onStore(async (args, store, { project, signal }) => {
    const id = value.nameText(args, 'session_id');
    const epochs = value.count(args, 'epochs', 50, EPOCHS_MAX);
    return project.inTurn(`session ${id}`, async () => {
      const session = await sessions.sessionOf(store, id);
      const scan = scanned(store, EXPERIENCES, { signal });
      const experiences = await sessions.experiencesOf(scan, id);
      if (experiences.length === 0) {
        throw new ToolError(`No training data available for session: ${id}`);
      }
      if (epochs * experiences.length > UPDATES_MAX) {
        throw new ToolError(
          `${epochs} epochs of ${experiences.length} experiences are more than ${UPDATES_MAX} updates; ` +
            'ask for fewer epochs',
        );
      }
      const startedMs = performance.now();
      const policy = await sessions.policyOfSession(store, id);
      const result = await train(policy, experiences, {
        algorithm: session.algorithm,
        rates: { ...session.rates, learning: value.within(args, 'learning_rate', 0.01) },
        epochs,
        batchSize: value.count(args, 'batch_size', 32, 10_000),
        targetUpdateFrequency: session.targetUpdateFrequency,
        signal,
      });
      const version = await sessions.saveVersion(project, store, id, policy);
      const average = value.mean(experiences.map(({ reward }) => reward));
      return (
        '🎓 Training completed!\n\n📊 Training Results:\n' +
        `   • Epochs: ${epochs}\n   • Experiences: ${experiences.length}\n` +
        `   • First Loss: ${result.firstLoss.toFixed(4)}\n` +
        `   • Final Loss: ${result.finalLoss.toFixed(4)}\n   • Avg Reward: ${average.toFixed(3)}\n` +
        `   • Convergence Rate: ${value.percent(result.convergence)}\n` +
        `   • Training Time: ${Math.round(performance.now() - startedMs)}ms\n\n` +
        `💾 Trained policy saved to database (version ${version})`
      );
    });
  }),
};
