/** Which member the next attempt goes to. Pure, so that its rules are tested without a network. */

/** What the choice needs to know about one member. */
export interface Candidate {
  readonly peerId: string;
  /** A connection stands and its last heartbeat was answered. */
  readonly healthy: boolean;
  /** A connection stands, though it may be dead. */
  readonly connected: boolean;
  /** The member said it is cordoned, stopping or overloaded, a moment ago. */
  readonly avoided: boolean;
}

export interface Choice {
  /** Asked first whenever it is healthy. */
  readonly preferred: string | undefined;
  /** Members that this request tried since it last waited. */
  readonly tried: ReadonlySet<string>;
  /** Grows by one a request, so that requests without a preference take turns. */
  readonly turn: number;
}

/**
 * The best connected member that was not tried yet: the preferred one if it is healthy, else the
 * healthy ones in turn, else those to avoid, else those whose connection may be dead.
 * Undefined when all were tried or none is connected.
 */
export function chooseMember(
  candidates: readonly Candidate[],
  choice: Choice,
): Candidate | undefined {
  const open = candidates.filter((each) => each.connected && !choice.tried.has(each.peerId));
  const preferred = open.find((each) => each.peerId === choice.preferred);
  if (preferred?.healthy === true && !preferred.avoided) return preferred;
  const tiers = [
    open.filter((each) => each.healthy && !each.avoided),
    open.filter((each) => each.healthy && each.avoided),
    open.filter((each) => !each.healthy),
  ];
  const tier = tiers.find((each) => each.length > 0);
  return tier?.[choice.turn % tier.length];
}
