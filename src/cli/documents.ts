import { readFileSync } from 'node:fs';
import type { Command } from 'commander';

import { isPeerId } from '../../transport/identity/peer-address.js';
import type { RemoteDocument } from '../documents/index.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError } from './failure.js';

type Flags = ConnectionFlags & { readonly json?: boolean };
type TextFlags = Flags & { readonly text: string };
interface RightsFlags extends Flags {
  readonly readers?: string[];
  readonly writers?: string[];
}

/** A command about one text of a document. */
function text(command: Command): Command {
  return withConnection(command)
    .argument('<name>', 'name of the document')
    .option('--text <name>', 'which text of the document', 'text')
    .option('--json', 'print one JSON object');
}

/** `doc list | show | write | rights`. */
export function addDocumentCommands(program: Command): void {
  const documents = program
    .command('doc')
    .description('Read and write the shared documents of a swarm');
  withConnection(documents.command('list'))
    .description('Print the names of documents')
    .option('--after <name>', 'only those behind this one, in order', '')
    .option('--json', 'print one JSON object')
    .action(list);
  text(documents.command('show')).description('Print a text of a document').action(show);
  text(documents.command('write'))
    .description('Add to a text of a document; exit code 0: it is on the disk of a member')
    .argument('<content>', 'what to add at the end, or - to read standard input')
    .option('--replace', 'in place of what is there')
    .action(write);
  withConnection(documents.command('rights'))
    .description(
      'Print who may read and write a document, or set it (with --data, or the operator token)',
    )
    .argument('<name>', 'name of the document')
    .option('--readers <peerid...>', 'peer ids, or all')
    .option('--writers <peerid...>', 'peer ids, or all')
    .option('--json', 'print one JSON object')
    .action(rights);
}

async function list(flags: Flags & { readonly after: string }): Promise<void> {
  await withClient(flags, async (client) => {
    const { names, isAll } = await client.documents.list(flags.after);
    const more = isAll ? [] : [`more: --after '${names.at(-1) ?? ''}'`];
    const lines = names.length === 0 ? ['no documents'] : [...names, ...more];
    print(flags.json, { names, isAll }, lines.join('\n'));
  });
}

async function show(name: string, flags: TextFlags): Promise<void> {
  await withOpen(
    name,
    flags,
    (remote) => {
      const content = remote.text(flags.text).toString();
      print(flags.json, { name, text: flags.text, content }, content);
    },
    { mustExist: true },
  );
}

async function write(
  name: string,
  content: string,
  flags: TextFlags & { readonly replace?: boolean },
): Promise<void> {
  const added = content === '-' ? readFileSync(0, 'utf8') : content;
  await withOpen(name, flags, async (remote) => {
    const text = remote.text(flags.text);
    remote.document.transact(() => {
      if (flags.replace === true) text.delete(0, text.length);
      text.insert(text.length, added);
    });
    await remote.saved();
    const { length } = text;
    print(
      flags.json,
      { name, text: flags.text, length },
      `saved: ${name} has ${length} characters`,
    );
  });
}

async function rights(name: string, flags: RightsFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const before = await client.documents.rights(name);
    const { readers, writers } = flags;
    const isChange = readers !== undefined || writers !== undefined;
    const wanted = {
      readers: readers === undefined ? before.readers : peersOf(readers),
      writers: writers === undefined ? before.writers : peersOf(writers),
    };
    const now = isChange ? await client.documents.setRights(name, wanted) : before;
    const text = `readers: ${peersText(now.readers)}\nwriters: ${peersText(now.writers)}`;
    print(flags.json, { name, readers: now.readers, writers: now.writers }, text);
  });
}

function peersOf(peers: readonly string[]): 'all' | string[] {
  if (!peers.includes('all')) {
    const wrong = peers.find((peer) => !isPeerId(peer));
    if (wrong === undefined) return [...peers];
    throw new ExitError(
      1,
      `error: '${wrong}' is no peer id; a peer id is what stands behind the # of an address. ` +
        'Nothing was changed',
    );
  }
  if (peers.length === 1) return 'all';
  throw new ExitError(1, 'error: name peer ids, or all, and not both');
}

function peersText(peers: 'all' | readonly string[]): string {
  if (peers === 'all') return 'all whom the swarm lets in';
  return peers.length === 0 ? 'nobody but members and operators' : peers.join(' ');
}

async function withOpen(
  name: string,
  flags: ConnectionFlags,
  work: (remote: RemoteDocument) => Promise<void> | void,
  options: { readonly mustExist?: boolean } = {},
): Promise<void> {
  await withClient(flags, async (client) => {
    const remote = await client.documents.open(name, options);
    try {
      await work(remote);
    } finally {
      await remote.close();
    }
  });
}
