/** A bug that some implementation had, and where this project shows that it does not have it. */
export interface NamedBug {
  readonly what: string;
  /** Absent if scenarios in this folder do (`bug N: ...`); otherwise whose matter it is. */
  readonly elsewhere?: string;
}

const LEASE_READS = 'test/consensus/raft/lease.test.ts, mutants raft-async';
const STALLS = 'test/consensus/raft/stall.test.ts, test/nodes/driver, mutants raft-async';
const AMNESIA = 'test/consensus/raft/amnesia.test.ts and repair.test.ts';

/** Bugs that a Raft implementation must be shown not to have, by number. */
export const NAMED_BUGS: Readonly<Record<number, NamedBug>> = {
  1: { what: 'an old-term entry is committed by counting replicas (figure 8)' },
  2: { what: 'a change is proposed before an entry of the own term is committed (2015)' },
  3: { what: 'a joint configuration recovered after a restart is left before it is committed' },
  4: { what: 'a learner that was promoted without knowing it does not vote' },
  5: { what: 'an entry that was replaced while being written counts as durable (ABA)' },
  6: { what: 'a follower that is probed never recovers' },
  7: { what: 'progress stops when the acknowledgement of a snapshot is lost' },
  8: { what: 'a slow follower is stuck behind a compaction' },
  9: { what: 'a removed leader goes on leading, or steps down too early' },
  10: { what: 'a leader is forgotten while lease reads are on', elsewhere: LEASE_READS },
  11: { what: 'the pre-vote of a former leader is wrongly rejected' },
  12: { what: 'terms inflate while two nodes cannot talk and both see a third (Cloudflare 2020)' },
  13: { what: 'leadership flaps for ever among five nodes in a star' },
  14: { what: 'the disk of the leader stalls while its heartbeats go out', elsewhere: STALLS },
  15: { what: 'a node votes from amnesia after a disk that lies', elsewhere: AMNESIA },
  16: { what: 'truncating and then appending deletes a committed entry' },
  17: { what: 'last log positions are compared field by field' },
  18: { what: 'the quorum of a read is off by one' },
  19: { what: 'an append without entries reports no conflict' },
  20: { what: 'fifty nodes with inconsistent logs livelock' },
  21: { what: 'the installation of a snapshot races with what is applied' },
  22: { what: 'an order of progress that is lost commits without a quorum' },
  23: { what: 'a crash during a compaction makes the commit index go back' },
  24: { what: 'a crash under load leaves state that differs' },
  25: { what: 'a node alone loses a write in a crash' },
  26: { what: 'two snapshots in short order stop a node' },
  27: { what: 'a watch goes back in time after a partition', elsewhere: 'no watches are built' },
  28: { what: 'a read is stale after a pause of the process', elsewhere: LEASE_READS },
  29: { what: 'a snapshot transfer begins anew for ever', elsewhere: 'test/nodes/snapshots' },
  30: { what: 'a lease read is stale after a clock jump', elsewhere: LEASE_READS },
};
