import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import type { TopicDelivery, TopicSubscription } from '../client/index.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError } from './failure.js';
import { interruptible } from './interruptible.js';
import { numberOf } from './number.js';

interface PublishFlags extends ConnectionFlags {
  readonly parse?: boolean;
  readonly json?: boolean;
}

interface ListenFlags extends ConnectionFlags {
  readonly count?: number;
  readonly json?: boolean;
}

/** `topic publish | listen`. */
export function addTopicCommands(program: Command): void {
  const topic = program
    .command('topic')
    .description('Publish messages to a swarm and listen to them');
  withConnection(topic.command('publish'))
    .description('Give a message to all who listen to a topic now')
    .argument('<name>', 'name of the topic: letters, digits, dots, underscores, hyphens, slashes')
    .argument('<message>', 'a text')
    .option('--parse', 'the message is JSON: publish the value')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExit code 0: it was given to so many; nobody says that it arrived, and nothing is kept for\n' +
        'those who listen later.',
    )
    .action(publish);
  withConnection(topic.command('listen'))
    .description('Print the messages of a topic as they come, until it is interrupted')
    .argument('<name>', 'name of the topic')
    .option('--count <n>', 'end after so many messages', countOf)
    .option('--json', 'print each as one line of JSON')
    .addHelpText(
      'after',
      '\nA line on standard error says from when on it listens, and another one where messages may\n' +
        'be missing. Exit code 1: it was interrupted before --count messages had come.',
    )
    .action(listen);
}

async function publish(name: string, text: string, flags: PublishFlags): Promise<void> {
  const message = flags.parse === true ? jsonOf(text) : text;
  await withClient(flags, async (client) => {
    const published = await client.topics.publish(name, message);
    const { members, here } = published;
    const subscribers = `${here} ${here === 1 ? 'subscriber' : 'subscribers'} at the member that was asked`;
    const others = `${members} other ${members === 1 ? 'member' : 'members'}`;
    print(flags.json, published, `published to ${subscribers}, and to ${others}`);
  });
}

async function listen(name: string, flags: ListenFlags): Promise<void> {
  const { count = Number.POSITIVE_INFINITY } = flags;
  await withClient(flags, async (client) => {
    const subscription = await client.topics.subscribe(name);
    process.stderr.write(`listens to ${name} at ${subscription.servedBy ?? 'a member'}\n`);
    const taken = await interruptible(async (signal) => {
      signal.addEventListener('abort', () => subscription.close(), { once: true });
      return printAll(subscription, count, flags.json === true);
    });
    if (Number.isFinite(count) && taken < count) {
      throw new ExitError(1, `error: interrupted after ${taken} of ${count} messages`);
    }
  });
}

/** Resolves with how many there were. */
async function printAll(
  subscription: TopicSubscription<unknown>,
  count: number,
  isJson: boolean,
): Promise<number> {
  let taken = 0;
  for await (const delivery of subscription) {
    noteMissing(delivery);
    print(isJson, delivery, `${delivery.author} ${textOf(delivery.message)}`);
    taken += 1;
    if (taken >= count) break;
  }
  return taken;
}

function noteMissing({ gapBefore, droppedBefore }: TopicDelivery<unknown>): void {
  if (gapBefore) process.stderr.write('a member was lost: messages may be missing here\n');
  if (droppedBefore > 0) {
    process.stderr.write(`${droppedBefore} messages were dropped here: they came too fast\n`);
  }
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : JSON.stringify(message);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ExitError(1, 'error: with --parse the message must be JSON; nothing was published');
  }
}

function countOf(text: string): number {
  const value = numberOf(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('give a whole number of at least 1.');
}
