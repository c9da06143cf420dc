/** Shared documents of a swarm, opened through whichever member answers. */
import { z } from 'zod';
import {
  type DocumentAccess,
  RemoteDocument,
  type Rights,
  checkName,
  rightsShape,
} from '../documents/index.js';
import { TIMEOUT_MS_MAX } from '../../transport/rpc/limits.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { Caller, RpcConnection } from '../../transport/rpc/rpc.js';
import { ClientError, messageOf } from './errors.js';
import type { Links } from './links.js';
import type { AnswerSchema } from './answers.js';
import type { RequestOptions } from './requests.js';
import { withinDeadline } from './within-deadline.js';

/** Reasons for which another try, or another member, ends the same. */
const FINAL_REASONS: ReadonlySet<string | undefined> = new Set([
  'not-allowed',
  'bad-name',
  'damaged',
]);

const listSchema = z.object({ names: z.array(z.string()), isAll: z.boolean() });
const rightsSchema = z.object({ rights: rightsShape });

type Ask = <T>(
  schema: AnswerSchema<T>,
  method: string,
  payload: unknown,
  options: RequestOptions,
) => Promise<T & { readonly servedBy: string }>;

export class Documents {
  readonly #links: Links;
  readonly #ask: Ask;
  readonly #open = new Set<RemoteDocument>();

  constructor(links: Links, ask: Ask) {
    this.#links = links;
    this.#ask = ask;
  }

  /**
   * Opens a document and waits until its content is here. One that is not there is made, unless it
   * must exist: then it is `refused` with reason `not-found`. It is synced until it is closed, through
   * another member when one is lost. `only` names the one member that may serve it. Rejects with
   * `ClientError`.
   */
  async open(
    name: string,
    options: Pick<RequestOptions, 'only' | 'deadlineMs'> & { readonly mustExist?: boolean } = {},
  ): Promise<RemoteDocument> {
    try {
      checkName(name);
    } catch (error) {
      throw new ClientError('invalid', messageOf(error));
    }
    const { mustExist = false, ...times } = options;
    if (mustExist) await this.rights(name, times);
    const remote = new RemoteDocument({
      name,
      open: (messages) => {
        const connection = this.#connection(options.only);
        return connection.duplex('documents.open', messages, { timeoutMs: TIMEOUT_MS_MAX });
      },
      isFinal: (error) => {
        if (!(error instanceof RpcError)) return error instanceof z.ZodError;
        const isFinal = error.code === 'permission-denied' || error.code === 'malformed';
        return isFinal || FINAL_REASONS.has(error.reason ?? '');
      },
    });
    this.#open.add(remote);
    const deadlineMs = options.deadlineMs ?? this.#links.settings.deadlineMs;
    const late = (): ClientError =>
      new ClientError(
        'deadline-exceeded',
        `the document ${name} was not open within ${deadlineMs / 1_000} s: no member served it`,
      );
    try {
      await withinDeadline(remote.ready, deadlineMs, late);
      return remote;
    } catch (error) {
      this.#open.delete(remote);
      await remote.close();
      if (error instanceof ClientError) throw error;
      const isDenied = error instanceof RpcError && error.code === 'permission-denied';
      const code = isDenied ? 'permission-denied' : 'refused';
      const reason = error instanceof RpcError ? error.reason : undefined;
      throw new ClientError(code, messageOf(error), { reason, cause: error });
    }
  }

  /** Names of documents that one member has, up to 1,000, in order; `after` asks for the next ones. */
  async list(
    after = '',
    options: RequestOptions = {},
  ): Promise<{ names: string[]; isAll: boolean }> {
    return this.#ask(listSchema, 'documents.list', { after }, options);
  }

  /** Rejects with `refused`, reason `not-found`, when the member that is asked has no such document. */
  async rights(name: string, options: RequestOptions = {}): Promise<Rights> {
    return (await this.#ask(rightsSchema, 'documents.rights', { name }, options)).rights;
  }

  /** Needs the operator token, or the identity of a member. Takes the place of the rights of before. */
  async setRights(
    name: string,
    rights: DocumentAccess,
    options: RequestOptions = {},
  ): Promise<Rights> {
    const { readers, writers } = rights;
    const asked = { name, readers, writers };
    return (await this.#ask(rightsSchema, 'documents.setRights', asked, options)).rights;
  }

  /** Closes all documents; what is not saved is lost. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((remote) => remote.close()));
  }

  /** Members take turns, so that one that does not serve documents is left after a try. */
  #connection(only: string | undefined): RpcConnection & Caller {
    const found = this.#links.callers(only);
    const chosen = found[this.#links.nextTurn() % found.length];
    if (chosen !== undefined) return chosen.connection;
    throw new RpcError('unavailable', 'no member of the swarm is connected');
  }
}
