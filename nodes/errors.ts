export type NodeErrorCode =
  /** The directory holds no node, or one of another swarm, or of a newer release. */
  | 'no-node'
  | 'not-empty'
  | 'other-swarm'
  | 'newer-version'
  | 'directory'
  | 'disk-full'
  /** Bytes of a peer or of a file that do not have the agreed form. */
  | 'malformed'
  | 'refused'
  /** An address or a certificate that the operator gave cannot be used. */
  | 'address'
  /** The node was asked to leave its swarm, and has left it. */
  | 'left'
  | 'stopped';

/** A failure of a node that an operator or a peer can cause; the message says what to do. */
export class NodeError extends Error {
  override readonly name = 'NodeError';
  readonly code: NodeErrorCode;

  constructor(code: NodeErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The message of anything thrown, for logs and answers. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a node logs when a member of its swarm says that it does not know it. */
export function noMemberNotice(
  saidBy: number,
  { nodeId, swarmId }: { readonly nodeId: number; readonly swarmId: string },
): string {
  return (
    `node ${saidBy} says that this node (${nodeId}) is no member of swarm ${swarmId}: it was removed, ` +
    'or the swarm was recovered without it. Stop it, remove its directory and join again'
  );
}

/** How a node ends that is a member no more: as it was asked to, or because it was removed. */
export function departure(nodeId: number, swarmId: string, hasAsked: boolean): NodeError {
  return hasAsked
    ? new NodeError('left', `node ${nodeId} left swarm ${swarmId}`)
    : new NodeError('stopped', `node ${nodeId} was removed from swarm ${swarmId}`);
}

/** Whether a message of another process says that its node was asked to leave and has left. */
export function hasLeft(message: string): boolean {
  return /^node \d+ left swarm /.test(message);
}

/** Whether a file operation failed for this reason, such as `ENOENT`. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
