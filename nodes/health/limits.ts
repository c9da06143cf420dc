/** Bounds and times of the health of nodes. Units stand last in the names. */

/** Requests are counted in slots of this length; a window is the last few of them. */
export const SLOT_MS = 250;
/** The longest window that a node can tell of. */
export const WINDOW_MS_MAX = 60_000;
export const WINDOW_MS_MIN = 250;
/** Of a swarm whose rollout names none, and of `swarm health`. */
export const WINDOW_MS = 5_000;

/** A latency is told with this relative error. */
export const LATENCY_ACCURACY = 0.02;
/** Latencies beyond these bounds count as the bound, so that a sketch has at most `LATENCY_BINS_MAX` bins. */
export const LATENCY_MS_MIN = 0.01;
export const LATENCY_MS_MAX = 600_000;
export const LATENCY_BINS_MAX = 512;

/** Requests that run at the same time and are watched for their deadline; beyond, the oldest are not. */
export const FLIGHTS_MAX = 10_000;

/** Whoever waits less than this for an answer cannot blame the node for having none. */
export const PATIENCE_MS_MIN = 250;

/** How finely the delay of the event loop is measured. */
export const EVENT_LOOP_RESOLUTION_MS = 20;

/** Of one encoded report. */
export const REPORT_BYTES_MAX = 16 * 1_024;
export const RELEASE_LENGTH_MAX = 128;
export const INCARNATION_LENGTH_MAX = 64;

/** How long a member may take for its report, at most; and never longer than half of a window. */
export const REPORT_TIMEOUT_MS = 2_000;
/** How long a member may take for the answer to a probe. A client waits longer. */
export const PROBE_TIMEOUT_MS = 3_000;
/** Probes of one member in one window: so many that the tail of their latencies says something. */
export const PROBES_MAX = 40;
export const PROBES_MIN = 16;
/** Of one member in one window: so many that a member which cannot write has enough faults to be told from chance. */
export const WRITE_PROBES = 4;
/** Members that have switched and are probed in one window; those that soak first, the others in turns. */
export const PROBED_MAX = 24;
/** Members that have not switched and are probed too, to compare with. */
export const REFERENCES_MAX = 4;

/** Members whose answers are compared in one window, in turns. */
export const COMPARED_MEMBERS_MAX = 4;
/** Memories about which each of them is asked. */
export const COMPARED_MEMORIES = 4;
/** Times that a question is asked anew before a difference counts. */
export const COMPARISONS_MAX = 3;
/** Of a text that is searched for. */
export const COMPARED_TEXT_LENGTH_MAX = 512;
/** Differences that are told of one member in one window. */
export const DIFFERENCES_MAX = 4;
export const DIFFERENCE_LENGTH_MAX = 400;

/** How often a node looks whether there is something to watch. */
export const IDLE_MS = 250;
/** Members that have not switched and whose reports are compared with. */
export const REPORTED_REFERENCES_MAX = 16;
/** Characters of the error of a member that does not report: it says what it likes. */
export const MISSING_LENGTH_MAX = 200;
