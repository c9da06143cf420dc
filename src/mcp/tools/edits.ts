/** The editing tools: an edit is made when it has exactly one place, and else not at all. */
import { applyEdit } from '../edits/place.js';
import { editsOf } from '../edits/markdown.js';
import { type Answer, type CallContext, jsonAnswer, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import { EDITS_MAX } from '../limits.js';
import { fileOf, readProjectFile, writeProjectFile } from '../project-files.js';
import type { JsonObject } from '../../memory/engine.js';
import * as value from '../values.js';

interface EditRequest {
  readonly path: string;
  readonly instruction: string;
  readonly code: string;
  readonly isDry: boolean;
  /** Makes the file when it is not there; otherwise that is an error. */
  readonly mayCreate: boolean;
}

/** Throws `ToolError`, with the file as it was. */
async function editFile(
  request: EditRequest,
  { project }: CallContext,
): Promise<{ file: string; strategy: string; text: string; latencyMs: number }> {
  const startedMs = performance.now();
  const file = await fileOf(project.directory, request.path);
  return project.inTurn(`file ${file.path}`, async () => {
    const original = await readProjectFile(file);
    if (original === undefined && !request.mayCreate) {
      throw new ToolError(`File not found: ${request.path}`);
    }
    const { text, strategy } = applyEdit(original, request.code);
    if (!request.isDry && strategy !== 'unchanged') await writeProjectFile(file, text);
    const latencyMs = Math.round((performance.now() - startedMs) * 10) / 10;
    return { file: file.name, strategy, text, latencyMs };
  });
}

/** Each by itself: one that has no place does not keep the others from theirs. */
async function editAll(
  requests: readonly EditRequest[],
  countedAs: 'total' | 'parsed_edits',
  context: CallContext,
): Promise<Answer> {
  if (requests.length > EDITS_MAX) {
    throw new ToolError(`${requests.length} edits are too many; at most ${EDITS_MAX} at once`);
  }
  const results: JsonObject[] = [];
  let totalMs = 0;
  for (const request of requests) {
    context.signal.throwIfAborted();
    const named = { file: request.path, instruction: request.instruction };
    try {
      const { strategy, latencyMs, text } = await editFile(request, context);
      totalMs += latencyMs;
      const preview = request.isDry ? { dryRun: true, result: text } : {};
      results.push({ ...named, success: true, strategy, latency_ms: latencyMs, ...preview });
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      results.push({ ...named, success: false, reason: error.message });
    }
  }
  const successful = results.filter(({ success }) => success).length;
  return jsonAnswer(
    {
      success: successful === requests.length,
      [countedAs]: requests.length,
      successful,
      failed: requests.length - successful,
      total_latency_ms: Math.round(totalMs * 10) / 10,
      results,
    },
    requests.length > 0 && successful === 0,
  );
}

export const editTools: Tools = {
  agent_booster_edit_file: async (args, context) => {
    const path = value.text(args, 'target_filepath');
    const isDry = value.flag(args, 'dryRun');
    const request = {
      path,
      instruction: value.text(args, 'instructions'),
      code: value.text(args, 'code_edit'),
      isDry,
      mayCreate: false,
    };
    const { strategy, latencyMs, text } = await editFile(request, context);
    return jsonAnswer({
      success: true,
      method: 'agent_booster',
      filepath: path,
      instruction: request.instruction,
      latency_ms: latencyMs,
      strategy,
      ...(isDry ? { dryRun: true, result: text } : {}),
      message: isDry
        ? `Dry run: ${path} was not changed`
        : `✅ Successfully edited ${path} (${latencyMs}ms, ${strategy})`,
    });
  },

  agent_booster_batch_edit: async (args, context) => {
    const isDry = value.flag(args, 'dryRun');
    const requests = value.list(args, 'edits').map((edit): EditRequest => {
      const fields = value.isObject(edit) ? edit : {};
      return {
        path: value.text(fields, 'target_filepath'),
        instruction: value.text(fields, 'instructions'),
        code: value.text(fields, 'code_edit'),
        isDry,
        mayCreate: false,
      };
    });
    return editAll(requests, 'total', context);
  },

  agent_booster_parse_markdown: async (args, context) => {
    const isDry = value.flag(args, 'dryRun');
    const found = editsOf(value.text(args, 'markdown'));
    if (found.length === 0) {
      throw new ToolError(
        'No code blocks found in markdown. Expected format: ' +
          '```language filepath=path instruction=description\\ncode\\n```',
      );
    }
    const requests = found.map((edit) => ({ ...edit, isDry, mayCreate: true }));
    return editAll(requests, 'parsed_edits', context);
  },
};
