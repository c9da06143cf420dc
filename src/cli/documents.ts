import { readFileSync } from 'node:fs';
import type { Command } from 'commander';

import type { RemoteDocument } from '../documents/index.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { addRightsFlags, rightsAfter, rightsText } from './rights.js';
import type { RightsFlags } from './rights.js';

type Flags = ConnectionFlags & { readonly json?: boolean };
type TextFlags = Flags & { readonly text: string };

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
  addRightsFlags(withConnection(documents.command('rights')))
    .description(
      'Print who may read and write a document, or set it (with --data, or the operator token)',
    )
    .argument('<name>', 'name of the document')
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

async function rights(name: string, flags: Flags & RightsFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const before = await client.documents.rights(name);
    const wanted = rightsAfter(before, flags);
    const now = wanted === undefined ? before : await client.documents.setRights(name, wanted);
    print(flags.json, { name, readers: now.readers, writers: now.writers }, rightsText(now));
  });
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
