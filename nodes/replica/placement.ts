/**
 * Which members vote. Of a large swarm only some do, spread over zones; the others are learners that
 * hold everything and take a place when a voter is gone for long, is drained, or leaves.
 *
 *     learner --a place is free, or a voter has to go--> voter
 *     voter ----gone, drained, leaving, too many, its zone has two more than that of a learner--> learner
 *
 * One step at a time, asked for again after each: a swap is one joint change (Raft dissertation 4.3),
 * so that the number of voters does not sink while one takes the place of another. Pure.
 *
 * It does not flap: a voter loses its place only to somebody who is up to date and was heard of just
 * now, after it was silent for much longer than that; a voter that is back stays a learner; and a move
 * between zones makes their counts more even each time, so that there is a last one.
 */

export interface PlacementMember {
  readonly nodeId: number;
  /** Where it stands: a rack, a building; members of one zone fail together. Empty is a zone too. */
  readonly zone: string;
  readonly isVoter: boolean;
  readonly isLeader: boolean;
  /** It has said that it serves, and is not cordoned. */
  readonly serves: boolean;
  /** It should not vote while others can: drained, leaving, or being removed. */
  readonly isUnwanted: boolean;
  /** Entries that it lacks, as far as the leader knows; infinite while it is not being replicated to. */
  readonly lagEntries: number;
  /** Since the leader heard of it. */
  readonly silentMs: number;
  /** The member whose place it is to take, or 0. */
  readonly replaces: number;
}

export interface PlacementRules {
  /** How many vote; 0: everybody who can. */
  readonly wanted: number;
  /** A voter that is silent for so long loses its vote, if somebody can take it. */
  readonly goneAfterMs: number;
}

/** At least one of the two ids is not 0. */
export interface PlacementStep {
  /** The learner that becomes a voter, or 0. */
  readonly promote: number;
  /** The voter that becomes a learner in the same change, or 0. */
  readonly demote: number;
}

/** Entries by which a learner may lag when it is made a voter. */
const PROMOTION_LAG_ENTRIES_MAX = 64;
/** A member that was heard of within this time counts as there: two rounds of the leader's check. */
const HEARD_WITHIN_MS = 3_500;
/** So that one who is there is never one who is gone. */
export const GONE_AFTER_MS_MIN = 5_000;

/**
 * The next step towards the rules, as the leader sees the members; undefined when there is none.
 * `mayVote` is asked of the voters after a step that can wait; of one that helps a swarm in which a
 * voter is gone it is not.
 */
export function nextPlacement(
  members: readonly PlacementMember[],
  rules: PlacementRules,
  mayVote: (voters: ReadonlySet<number>) => boolean = () => true,
): PlacementStep | undefined {
  const voters = members.filter(({ isVoter }) => isVoter);
  const candidates = members.filter(canVote);
  const urgent = rules.wanted === 0 ? undefined : replacement(voters, candidates, rules);
  const step = urgent ?? improvement(voters, candidates, rules);
  if (step === undefined || !leavesQuorum(members, step)) return undefined;
  const after = votersAfter(members, step).map(({ nodeId }) => nodeId);
  return urgent !== undefined || mayVote(new Set(after)) ? step : undefined;
}

function improvement(
  voters: readonly PlacementMember[],
  candidates: readonly PlacementMember[],
  rules: PlacementRules,
): PlacementStep | undefined {
  if (rules.wanted === 0) return promotion(voters, candidates);
  return (
    (voters.length < rules.wanted ? promotion(voters, candidates) : undefined) ??
    (voters.length > rules.wanted ? demotion(voters, rules) : undefined) ??
    moveBetweenZones(voters, candidates)
  );
}

/** Whether a learner can be made a voter now. */
export function canVote(member: PlacementMember): boolean {
  const { isVoter, serves, isUnwanted, lagEntries } = member;
  return (
    !isVoter && serves && !isUnwanted && lagEntries <= PROMOTION_LAG_ENTRIES_MAX && isThere(member)
  );
}

function isThere({ silentMs }: PlacementMember): boolean {
  return silentMs <= HEARD_WITHIN_MS;
}

/** Somebody takes the place of a voter that has to go; the leader has to hand over first. */
function replacement(
  voters: readonly PlacementMember[],
  candidates: readonly PlacementMember[],
  rules: PlacementRules,
): PlacementStep | undefined {
  const going = voters.filter((voter) => !voter.isLeader && hasToGo(voter, rules));
  // Those that are gone cost the swarm a failure that it could stand; the others can wait.
  const [first] = going.sort((a, b) => b.silentMs - a.silentMs || a.nodeId - b.nodeId);
  if (first === undefined) return undefined;
  if (voters.length > rules.wanted) return { promote: 0, demote: first.nodeId };
  const successor = successorAmong(voters, candidates, first.nodeId);
  return successor === undefined ? undefined : { promote: successor.nodeId, demote: first.nodeId };
}

/** Who can take the place of a voter: the one that was joined for it, or the best for its zone. */
function successorAmong(
  voters: readonly PlacementMember[],
  candidates: readonly PlacementMember[],
  going: number,
): PlacementMember | undefined {
  const staying = voters.filter(({ nodeId }) => nodeId !== going);
  return candidates.find(({ replaces }) => replaces === going) ?? best(staying, candidates);
}

/** The id of the learner that would take the place of a voter now, or undefined. */
export function successorOf(
  members: readonly PlacementMember[],
  going: number,
): number | undefined {
  const voters = members.filter(({ isVoter }) => isVoter);
  return successorAmong(voters, members.filter(canVote), going)?.nodeId;
}

function hasToGo(voter: PlacementMember, { goneAfterMs }: PlacementRules): boolean {
  return voter.isUnwanted || voter.silentMs >= Math.max(goneAfterMs, GONE_AFTER_MS_MIN);
}

function promotion(
  voters: readonly PlacementMember[],
  candidates: readonly PlacementMember[],
): PlacementStep | undefined {
  const successor = best(voters, candidates);
  return successor === undefined ? undefined : { promote: successor.nodeId, demote: 0 };
}

/** The candidate of the zone with the fewest voters; of one zone the one that joined first. */
function best(
  voters: readonly PlacementMember[],
  candidates: readonly PlacementMember[],
): PlacementMember | undefined {
  const counts = countsOf(voters);
  const votersIn = ({ zone }: PlacementMember): number => counts.get(zone) ?? 0;
  return candidates.toSorted((a, b) => votersIn(a) - votersIn(b) || a.nodeId - b.nodeId)[0];
}

/** There are too many: those that are not heard of first, then those of the fullest zone. */
function demotion(
  voters: readonly PlacementMember[],
  rules: PlacementRules,
): PlacementStep | undefined {
  const counts = countsOf(voters);
  const rank = (voter: PlacementMember): number =>
    (hasToGo(voter, rules) ? 2 : isThere(voter) ? 0 : 1) * voters.length +
    (counts.get(voter.zone) ?? 0);
  const [worst] = voters
    .filter(({ isLeader }) => !isLeader)
    .sort((a, b) => rank(b) - rank(a) || b.nodeId - a.nodeId);
  return worst === undefined ? undefined : { promote: 0, demote: worst.nodeId };
}

/** From a zone with two voters more than another one that has a candidate. */
function moveBetweenZones(
  voters: readonly PlacementMember[],
  candidates: readonly PlacementMember[],
): PlacementStep | undefined {
  const successor = best(voters, candidates);
  if (successor === undefined) return undefined;
  const counts = countsOf(voters);
  const fewest = counts.get(successor.zone) ?? 0;
  const [from] = voters
    .filter(({ zone, isLeader }) => !isLeader && (counts.get(zone) ?? 0) >= fewest + 2)
    .sort((a, b) => (counts.get(b.zone) ?? 0) - (counts.get(a.zone) ?? 0) || b.nodeId - a.nodeId);
  return from === undefined ? undefined : { promote: successor.nodeId, demote: from.nodeId };
}

function countsOf(voters: readonly PlacementMember[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { zone } of voters) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return counts;
}

function votersAfter(
  members: readonly PlacementMember[],
  { promote, demote }: PlacementStep,
): PlacementMember[] {
  return members.filter(
    ({ nodeId, isVoter }) => (isVoter || nodeId === promote) && nodeId !== demote,
  );
}

/** Whether more than half of the voters after the step are there. */
function leavesQuorum(members: readonly PlacementMember[], step: PlacementStep): boolean {
  const after = votersAfter(members, step);
  return after.filter(isThere).length * 2 > after.length;
}

/** Whether the voter can go without anybody in its place, and a majority of the others is there. */
export function canGoWithoutSuccessor(
  members: readonly PlacementMember[],
  nodeId: number,
): boolean {
  return leavesQuorum(members, { promote: 0, demote: nodeId });
}
