/** One question to a language model over HTTP, at the providers that v1 knew. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CompatError } from '../errors.js';
import {
  ANSWER_BYTES_MAX,
  CALL_TIMEOUT_MS,
  RETRIES_MAX,
  RETRY_PAUSE_MAX_MS,
  RETRY_PAUSE_MS,
  TOKENS_MAX,
} from './limits.js';

export interface Question {
  readonly model: string;
  readonly system: string;
  readonly prompt: string;
  readonly temperature: number;
  readonly maxTokens: number;
}

interface Provider {
  readonly name: string;
  readonly key: string;
  /** Variable of the environment with another address, and the address without it. */
  readonly base: readonly [variable: string | undefined, url: string];
  request(question: Question, base: string, key: string): { url: string; init: RequestInit };
  /** The text of an answer; throws for what is none. */
  text(answer: unknown): string;
}

const JSON_TYPE = { 'content-type': 'application/json' };

const ANTHROPIC: Provider = {
  name: 'anthropic',
  key: 'ANTHROPIC_API_KEY',
  base: ['ANTHROPIC_BASE_URL', 'https://api.anthropic.com'],
  request: ({ model, system, prompt, temperature, maxTokens }, base, key) => ({
    url: `${base}/v1/messages`,
    init: post(
      { ...JSON_TYPE, 'x-api-key': key, 'anthropic-version': '2023-06-01' },
      {
        model,
        system,
        temperature,
        max_tokens: maxTokens,
        messages: [{ role: 'user', content: prompt }],
      },
    ),
  }),
  text: (answer) => {
    const schema = z.object({
      content: z.array(z.object({ type: z.string(), text: z.string().optional() })),
    });
    const parts = schema.parse(answer).content.filter(({ type }) => type === 'text');
    return parts.map(({ text = '' }) => text).join('\n');
  },
};

const OPENROUTER: Provider = {
  name: 'openrouter',
  key: 'OPENROUTER_API_KEY',
  base: ['OPENROUTER_BASE_URL', 'https://openrouter.ai/api/v1'],
  request: ({ model, system, prompt, temperature, maxTokens }, base, key) => ({
    url: `${base}/chat/completions`,
    init: post(
      { ...JSON_TYPE, authorization: `Bearer ${key}` },
      {
        model: model.includes('/') ? model : `anthropic/${model}`,
        temperature,
        max_tokens: maxTokens,
        messages: [
          { role: 'system', content: system },
          { role: 'user', content: prompt },
        ],
      },
    ),
  }),
  text: (answer) => {
    const message = z.object({ message: z.object({ content: z.string() }) });
    return (
      z.object({ choices: z.array(message).min(1) }).parse(answer).choices[0]?.message.content ?? ''
    );
  },
};

const GEMINI: Provider = {
  name: 'gemini',
  key: 'GOOGLE_GEMINI_API_KEY',
  base: [undefined, 'https://generativelanguage.googleapis.com/v1beta'],
  request: ({ model, system, prompt, temperature, maxTokens }, base, key) => {
    // v1's settings name models of Anthropic, which this provider has not.
    const named = model.startsWith('gemini') ? model : 'gemini-2.5-flash';
    return {
      url: `${base}/models/${encodeURIComponent(named)}:generateContent`,
      init: post(
        { ...JSON_TYPE, 'x-goog-api-key': key },
        {
          systemInstruction: { parts: [{ text: system }] },
          contents: [{ role: 'user', parts: [{ text: prompt }] }],
          generationConfig: { temperature, maxOutputTokens: maxTokens },
        },
      ),
    };
  },
  text: (answer) => {
    const parts = z.array(z.object({ text: z.string().optional() }));
    const candidate = z.object({ content: z.object({ parts }) });
    const found = z.object({ candidates: z.array(candidate).min(1) }).parse(answer);
    return found.candidates[0]?.content.parts.map(({ text = '' }) => text).join('\n') ?? '';
  },
};

const PROVIDERS = [ANTHROPIC, OPENROUTER, GEMINI];

/** True if the environment has a key of one of the providers. */
export function hasModel(env: NodeJS.ProcessEnv = process.env): boolean {
  return providerOf(env) !== undefined;
}

/** The one that `PROVIDER` names if there is its key, else the first with a key. */
function providerOf(env: NodeJS.ProcessEnv): Provider | undefined {
  const withKey = PROVIDERS.filter(({ key }) => (env[key] ?? '') !== '');
  return withKey.find(({ name }) => name === env['PROVIDER']) ?? withKey[0];
}

/**
 * The text that a model answers. Busy endpoints and broken connections are tried again. Throws `model`; the
 * message never holds a key.
 */
export async function ask(
  question: Question,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const provider = providerOf(env);
  if (provider === undefined) {
    const names = PROVIDERS.map(({ key }) => key).join(', ');
    throw new CompatError('model', `no language model can be asked: set one of ${names}`);
  }
  const [variable, standard] = provider.base;
  const base = ((variable === undefined ? undefined : env[variable]) || standard).replace(
    /\/+$/,
    '',
  );
  const bounded = { ...question, maxTokens: Math.min(TOKENS_MAX, Math.max(1, question.maxTokens)) };
  const { url, init } = provider.request(bounded, base, env[provider.key] ?? '');
  for (let tries = 0; ; tries += 1) {
    const outcome = await once(provider, url, init);
    if ('text' in outcome) return outcome.text;
    if (!outcome.isTransient || tries >= RETRIES_MAX) throw outcome.error;
    const pauseMs = outcome.pauseMs ?? RETRY_PAUSE_MS * 2 ** tries;
    await delay(Math.min(RETRY_PAUSE_MAX_MS, pauseMs));
  }
}

type Outcome =
  | { readonly text: string }
  | { readonly error: CompatError; readonly isTransient: boolean; readonly pauseMs?: number };

async function once(provider: Provider, url: string, init: RequestInit): Promise<Outcome> {
  try {
    const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const response = await fetch(url, { ...init, signal, redirect: 'error' });
    const body = await readBounded(response);
    if (response.ok) return { text: provider.text(JSON.parse(body)) };
    const after = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      error: modelError(provider, `answered with status ${response.status}`),
      isTransient: response.status === 429 || response.status >= 500,
      ...(after > 0 ? { pauseMs: after * 1000 } : {}),
    };
  } catch (error) {
    if (error instanceof CompatError) return { error, isTransient: false };
    const isUnreadable = error instanceof z.ZodError || error instanceof SyntaxError;
    const what = isUnreadable ? 'gave an answer of another form' : 'could not be reached in time';
    return { error: modelError(provider, what, error), isTransient: !isUnreadable };
  }
}

/** Throws `model` for a longer one. */
async function readBounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > ANSWER_BYTES_MAX) {
      throw new CompatError('model', `the answer has more than ${ANSWER_BYTES_MAX} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function post(headers: Record<string, string>, body: unknown): RequestInit {
  return { method: 'POST', headers, body: JSON.stringify(body) };
}

function modelError({ name }: Provider, what: string, cause?: unknown): CompatError {
  return new CompatError('model', `the language model at ${name} ${what}`, cause);
}
