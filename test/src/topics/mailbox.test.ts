import { describe, expect, it } from 'vitest';
import { Mailbox, type MailboxOptions } from '../../../src/topics/mailbox.js';

interface Item {
  readonly name: string;
}

/** Puts items of one byte each, or of as many as stand behind a colon. */
function filled(options: MailboxOptions, text: string): Mailbox<Item> {
  const mailbox = new Mailbox<Item>(options);
  for (const part of text.split(' ')) {
    const [name = '', bytes = '1'] = part.split(':');
    mailbox.put({ name }, Number(bytes));
  }
  return mailbox;
}

async function drain(mailbox: Mailbox<Item>): Promise<string> {
  mailbox.end();
  const all: string[] = [];
  for await (const { name, droppedBefore } of mailbox) all.push(`${droppedBefore}${name}`);
  return all.join(' ');
}

/** Bounds, what is put, what is read (with what was dropped before each), dropped in all. */
const cases: readonly (readonly [MailboxOptions, string, string, number])[] = [
  [{ messagesMax: 3 }, 'a b c', '0a 0b 0c', 0],
  [{ messagesMax: 3 }, 'a b c d e', '2c 0d 0e', 2],
  [{ messagesMax: 1 }, 'a b c', '2c', 2],
  [{ messagesMax: 3, drop: 'newest' }, 'a b c d e', '0a 0b 0c', 2],
  [{ bytesMax: 10 }, 'a:4 b:4 c:4', '1b 0c', 1],
  [{ bytesMax: 10 }, 'a:4 b:4 c:11 d:1', '0a 0b 1d', 1],
  [{ bytesMax: 10 }, 'a:11 b:10', '1b', 1],
  [{ bytesMax: 10, drop: 'newest' }, 'a:9 b:2 c:1', '0a 1c', 1],
];

describe('a mailbox', () => {
  it.each(cases)('%j: %s', async (options, put, read, dropped) => {
    const mailbox = filled(options, put);
    expect(mailbox.dropped).toBe(dropped);
    expect(await drain(mailbox)).toBe(read);
  });

  it('tells a drop between two reads with the next message', async () => {
    const mailbox = filled({ messagesMax: 2, drop: 'newest' }, 'a b c');
    const reader = mailbox[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual({ name: 'a', droppedBefore: 0 });
    mailbox.put({ name: 'd' }, 1);
    expect((await reader.next()).value).toEqual({ name: 'b', droppedBefore: 0 });
    expect((await reader.next()).value).toEqual({ name: 'd', droppedBefore: 1 });
  });

  it('wakes a reader that waits, for a message and for the end', async () => {
    const mailbox = new Mailbox<Item>();
    const reader = mailbox[Symbol.asyncIterator]();
    const first = reader.next();
    mailbox.put({ name: 'a' }, 1);
    expect((await first).value).toMatchObject({ name: 'a' });
    const second = reader.next();
    mailbox.close();
    expect((await second).done).toBe(true);
  });

  it('ends once, takes nothing afterwards and has one reader', async () => {
    let ends = 0;
    const mailbox = new Mailbox<Item>({}, () => {
      ends += 1;
    });
    mailbox.put({ name: 'a' }, 1);
    for await (const { name } of mailbox) {
      expect(name).toBe('a');
      break;
    }
    mailbox.put({ name: 'b' }, 1);
    expect([ends, mailbox.length]).toEqual([1, 0]);
    await expect(mailbox[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'bad-option',
    });
  });

  it.each([0, 1.5, Number.NaN])('refuses a bound of %d', (messagesMax) => {
    expect(() => new Mailbox({ messagesMax })).toThrow('give a whole number of at least 1');
  });
});
