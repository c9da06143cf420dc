/** Runs in a page: a shared document, as the entry for pages gives it. Nothing of Node. */
import {
  PageDocuments,
  createPageKeys,
  pageIdentity,
  type RemoteDocument,
} from '../../src/documents/page/index.js';
import { openSession, type Session } from '../../transport/websocket/browser.js';

/** A gateway, in what can travel to a page. */
export interface PageGateway {
  /** The whole gateway; or else the URLs of one way. */
  readonly url?: string;
  readonly webTransportUrl?: string;
  readonly hashes?: readonly (readonly number[])[];
  readonly webSocketUrl?: string;
}

let documents: PageDocuments;
let open: RemoteDocument;
const ways: string[] = [];
let sessions: Session[] = [];

/** Opens a document; how it is reached, and by which id rights name the page. */
export async function begin(gateway: PageGateway): Promise<unknown> {
  const { url, webTransportUrl, webSocketUrl, hashes = [] } = gateway;
  const urls = {
    ...(webTransportUrl === undefined ? {} : { webTransportUrl }),
    ...(webSocketUrl === undefined ? {} : { webSocketUrl }),
    serverCertificateHashes: hashes.map((hash) => new Uint8Array(hash)),
  };
  documents = new PageDocuments({
    gateways: [url ?? urls],
    token: 'client',
    identity: await pageIdentity(await createPageKeys()),
    retryMs: 10,
    openSession: async (found) => {
      const { session, over } = await openSession(found);
      ways.push(over);
      sessions.push(session);
      return session;
    },
  });
  open = await documents.open('plan');
  open.awareness.setLocalStateField('name', 'a page');
  return { ways, peerId: documents.peerId, clientId: open.document.clientID };
}

export async function type(text: string): Promise<void> {
  open.text().insert(0, text);
  await open.saved();
}

/** Ends the sessions, and types before there is another. */
export async function typeWhileCut(text: string): Promise<number> {
  for (const session of sessions) session.close();
  sessions = [];
  await type(text);
  return sessions.length;
}

export function read(): Promise<unknown> {
  const names = [...open.awareness.getStates().values()].map((state) => state['name']);
  return Promise.resolve({ text: open.text().toString(), names });
}

export async function end(): Promise<void> {
  await documents.close();
}
