/** Makes the calls on one implementation, in the working directory, and tells what each answered. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Api, CALLS } from './calls.js';
import { shapeOf } from './shapes.js';

export interface Answer {
  readonly name: string;
  readonly threw: boolean;
  /** What was returned, as JSON has it, or the names and kinds in it. Nothing of what was thrown. */
  readonly answer: unknown;
}

export async function replay(api: Api): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const { name, compared, run } of CALLS) {
    let threw = false;
    let answer: unknown;
    try {
      const returned: unknown = await run(api);
      answer = compared === 'value' ? plain(returned) : shapeOf(returned);
    } catch {
      threw = true;
    }
    answers.push({ name, threw, answer: answer ?? null });
  }
  return answers;
}

/** As JSON, with numbers rounded to what two orders of summing have in common. */
function plain(value: unknown): unknown {
  const json = JSON.stringify(value, (_key, held: unknown) =>
    typeof held === 'number' ? Number(held.toPrecision(9)) : held,
  );
  return json === undefined ? null : JSON.parse(json);
}

/** `node replay.js MODULE SELECTOR DATABASE-MODULE OUT`: files of v1, in a process of its own. */
async function main([bank = '', selector = '', database = '', out = '']: string[]): Promise<void> {
  const url = (path: string): string => pathToFileURL(path).href;
  // v1 prints as it goes.
  console.log = () => undefined;
  console.warn = () => undefined;
  console.error = () => undefined;
  const made = (await import(url(database))) as { open(): Promise<unknown> };
  const api = {
    bank: await import(url(bank)),
    selector: await import(url(selector)),
    database: await made.open(),
  } as Api;
  writeFileSync(out, JSON.stringify(await replay(api)));
  process.exit(0);
}

if (process.argv[1]?.endsWith('/v1-api/replay.js') === true) await main(process.argv.slice(2));
