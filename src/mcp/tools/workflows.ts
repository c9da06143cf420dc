/** Workflows as v1 kept them: definitions. Nothing runs them until agents do. */
import { onStore, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import * as value from '../values.js';
import { allJson, done, getJson, newId, putJson } from './records.js';
import { stringify } from 'yaml';

const WORKFLOWS = 'claude-flow/workflows';
const TEMPLATES = 'claude-flow/workflow_templates';

export const workflowTools: Tools = {
  workflow_create: onStore(async (args, store) => {
    const workflowId = newId('workflow');
    const workflow = {
      id: workflowId,
      name: value.nameText(args, 'name'),
      steps: value.list(args, 'steps'),
      triggers: value.list(args, 'triggers'),
      created: new Date().toISOString(),
      status: 'defined',
      executions: 0,
    };
    await putJson(store, WORKFLOWS, workflowId, workflow);
    return done({ workflowId, workflow });
  }),

  workflow_export: onStore(async (args, store) => {
    const workflowId = value.nameText(args, 'workflowId');
    const format = value.text(args, 'format', 'json');
    if (format !== 'json' && format !== 'yaml') {
      throw new ToolError(`argument "format" must be json or yaml, not ${JSON.stringify(format)}`);
    }
    const workflow = await getJson(store, WORKFLOWS, workflowId, 'Workflow');
    const data = format === 'yaml' ? stringify(workflow) : JSON.stringify(workflow, null, 2);
    return done({ workflowId, format, data });
  }),

  workflow_template: onStore(async (args, store, { signal }) => {
    const action = value.text(args, 'action');
    if (action === 'list') {
      return done({ action, templates: await allJson(store, TEMPLATES, signal) });
    }
    if (action !== 'create')
      throw new ToolError(`Unknown action: ${action}; there are create, list`);
    const templateId = newId('template');
    const template = value.object(args, 'template');
    await putJson(store, TEMPLATES, templateId, { ...template, id: templateId });
    return done({ action, templateId, template });
  }),
};
