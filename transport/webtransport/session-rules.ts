import type { Session } from './session.js';

/** Who asks for a session. */
export interface SessionRequest {
  /** With its query. */
  readonly path: string;
  /** What the client calls us: host and port. */
  readonly authority: string;
  /** The page that asks, as its browser says; undefined for others than browsers. */
  readonly origin: string | undefined;
  readonly remoteHost: string;
  readonly remotePort: number;
}

/** Which sessions are taken, whatever they run over. */
export interface SessionRules {
  /** Path without a query; others are answered with 404. */
  readonly path: string;
  /**
   * Origins (`https://host:port`) whose pages may open sessions; others are answered with 403, as
   * are clients that name none. Left out: any, also none. A page of any site can try to reach a
   * node that its browser can reach: name the origins, or let `authorize` ask for proof.
   */
  readonly allowedOrigins?: readonly string[];
  /** The last word on a request; false, or an error, is answered with 403. */
  readonly authorize?: (request: SessionRequest) => boolean | Promise<boolean>;
  readonly onSession: (session: Session, request: SessionRequest) => void;
}

export function isAllowedOrigin(
  allowed: readonly string[] | undefined,
  origin: string | undefined,
): boolean {
  return allowed === undefined || (origin !== undefined && allowed.includes(origin));
}
