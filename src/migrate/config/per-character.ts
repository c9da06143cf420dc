/**
 * What `agentic-flow mcp add --env NAME=VALUE` of v1 left: it walked over the text as if it were a list,
 * so each of its characters became a variable with an empty value, and '=' one with an empty name.
 */
import type { JsonObject } from './json-text.js';
import { wordsIn } from './word-list.js';

export interface PerCharacterEnv {
  /** The keys that are characters; the others are variables. */
  readonly characters: readonly string[];
  /** The variable it can only have been; undefined where several or none are possible. */
  readonly variable: string | undefined;
  /** What it may have been. */
  readonly candidates: readonly string[];
}

/** Fewer could be variables of the user. */
const CHARACTERS_MIN = 3;

/** Variables that MCP servers commonly want; more than one may fit what is left of a name. */
const KNOWN_VARIABLES = wordsIn(`
  API_KEY API_TOKEN API_URL API_SECRET ACCESS_TOKEN AUTH_TOKEN TOKEN SECRET SECRET_KEY
  PASSWORD USERNAME PORT HOST DEBUG NODE_ENV DATABASE_URL DB_URL DSN REDIS_URL MONGODB_URI
  POSTGRES_URL OPENAI_API_KEY ANTHROPIC_API_KEY OPENROUTER_API_KEY GEMINI_API_KEY
  GOOGLE_API_KEY GOOGLE_GEMINI_API_KEY GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN
  GITHUB_PERSONAL_ACCESS_TOKEN SLACK_BOT_TOKEN SLACK_TEAM_ID BRAVE_API_KEY NOTION_API_KEY
  LINEAR_API_KEY STRIPE_API_KEY STRIPE_SECRET_KEY SENTRY_DSN SENTRY_AUTH_TOKEN
  WEATHER_API_KEY OPENWEATHER_API_KEY FIRECRAWL_API_KEY TAVILY_API_KEY PERPLEXITY_API_KEY
  SUPABASE_URL SUPABASE_KEY AWS_REGION SUPABASE_ACCESS_TOKEN SUPABASE_SERVICE_ROLE_KEY
  HF_TOKEN HUGGINGFACE_API_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY ELEVENLABS_API_KEY
  MODEL LOG_LEVEL OPENAI_KEY OPENAI_BASE_URL ANTHROPIC_BASE_URL ALLOWED_DIRECTORIES
  API_HOST
`);

/** An unknown name is believed when none of its letters repeats and it ends in a usual word. */
const USUAL_ENDING = /^[A-Z]+_(?:KEY|DSN|URL|HOST|PORT|ID|PATH|USER|ENV|MODE)$/;

export function perCharacterEnv(env: JsonObject): PerCharacterEnv | undefined {
  const characters = Object.entries(env)
    .filter(([key, value]) => value === '' && [...key].length <= 1)
    .map(([key]) => key);
  const equals = characters.indexOf('');
  if (characters.length < CHARACTERS_MIN) return undefined;
  if (equals < 0 && characters.length < Object.keys(env).length) return undefined;
  // JavaScript puts keys that are digits first, so their place in the name is not known.
  const digits = characters.filter((key) => /^[0-9]$/.test(key));
  const before = characters
    .slice(0, equals < 0 ? characters.length : equals)
    .filter((key) => !digits.includes(key));
  const trace = before.join('');
  const known = KNOWN_VARIABLES.filter((name) => traceOf(name) === trace);
  const candidates = known.length > 0 || !USUAL_ENDING.test(trace) ? known : [trace];
  const variable = candidates.length === 1 ? candidates[0] : undefined;
  return { characters, variable, candidates };
}

/** Each character once, as keys of an object keep them. */
function traceOf(name: string): string {
  return [...new Set(name)].filter((character) => !/[0-9]/.test(character)).join('');
}
