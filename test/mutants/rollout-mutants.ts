import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const machine = 'nodes/rollout/machine.ts';
const turns = 'nodes/rollout/turns.ts';
const back = 'nodes/rollout/going-back.ts';
const finalizing = 'nodes/rollout/finalizing.ts';
const members = 'nodes/control-plane/apply-rollout.ts';
const upkeep = 'nodes/replica/rollout-upkeep.ts';

const ofSupervision = 'test/nodes/release/machine.test.ts';
const ofMachine = 'test/nodes/rollout/machine.test.ts';
const ofTurns = 'test/nodes/rollout/turns.test.ts';
const ofEnd = 'test/nodes/rollout/finalizing.test.ts';
const ofMembers = 'test/nodes/control-plane/apply-rollout.test.ts';
const ofGate = 'test/nodes/approval/gate.test.ts';
const ofCertificate = 'test/nodes/approval/certificate.test.ts';
const ofApproving = 'test/nodes/approval/members.test.ts';
const random = 'test/nodes/control-plane/rollout-properties.test.ts';

const rows: readonly FileMutant[] = [
  {
    bug: 'a report of an older epoch moves a node',
    file: machine,
    source: "if (step !== finished.step || node.epoch !== finished.epoch) return 'stale-epoch';",
    replacement: "if (step !== finished.step) return 'stale-epoch';",
    test: ofMachine,
  },
  {
    bug: 'a node begins outside the maintenance windows',
    file: turns,
    source: "if (status === 'running' && !mayBegin(rollout, nowMs)) return;",
    replacement: '',
    test: random,
  },
  {
    bug: 'a node that was removed, or whose step is over, ends the rollout',
    file: machine,
    source:
      "if (node === undefined || !isUnavailable(node)) return 'not-your-turn';\n  if (node.epoch !== nodeEpoch) return 'stale-epoch';\n  goBack",
    replacement:
      "if (node === undefined) return 'not-your-turn';\n  if (node.epoch !== nodeEpoch) return 'stale-epoch';\n  goBack",
    test: ofTurns,
  },
  {
    bug: 'a node that gives up a step of an earlier epoch ends the rollout',
    file: machine,
    source:
      "  if (node.epoch !== nodeEpoch) return 'stale-epoch';\n  goBack(rollout, { goal: 'aborted', reason }, nowMs);",
    replacement: "  goBack(rollout, { goal: 'aborted', reason }, nowMs);",
    test: ofTurns,
  },
  {
    bug: 'an operator who saw an older state is heard',
    file: machine,
    source: "(rollout.epoch === epoch ? null : 'stale-epoch')",
    replacement: 'null',
    test: ofMachine,
  },
  {
    bug: 'a change of the status raises no epoch',
    file: machine,
    source: '  rollout.status = status;\n  rollout.epoch += 1;\n',
    replacement: '  rollout.status = status;\n',
    test: random,
  },
  {
    bug: 'a transition of a node raises no epoch',
    file: turns,
    source: '  node.epoch += 1;\n',
    replacement: '',
    test: random,
  },
  {
    bug: 'a batch begins while nodes of the one before soak',
    file: turns,
    source: '.find((batch) => !batch.every(isOver))',
    replacement: ".find((batch) => batch.some(({ step }) => step === 'pending'))",
    test: random,
  },
  {
    bug: 'more nodes are unavailable than may be',
    file: turns,
    source: 'Math.min(limits.maxUnavailable, most) - nodes.filter(isUnavailable).length',
    replacement: 'Math.min(limits.maxUnavailable, most)',
    test: random,
  },
  {
    bug: 'a majority is taken away after nodes have been removed',
    file: turns,
    source: 'Math.min(limits.maxUnavailable, most)',
    replacement: 'limits.maxUnavailable',
    test: ofMachine,
  },
  {
    bug: 'a soak ends at once',
    file: machine,
    source: 'if (soaks && nowMs - sinceMs < rollout.limits.soakMs)',
    replacement: 'if (soaks && nowMs < sinceMs)',
    test: ofMachine,
  },
  {
    bug: 'a pause leaves a node that is about to be cordoned its turn',
    file: machine,
    source: "if (node.step === 'cordon') moveTo(rollout, node, 'pending', 'forward', nowMs);",
    replacement: '',
    test: ofMachine,
  },
  {
    bug: 'a soak of before a pause counts after it',
    file: machine,
    source:
      "if (step === 'soak' || step === 'done') moveTo(rollout, node, step, 'forward', nowMs);",
    replacement: '',
    test: ofMachine,
  },
  {
    bug: 'the same finding of a guard pauses again what was resumed',
    file: machine,
    source: 'if (held === null) moveTo(rollout, node, node.step, node.direction, nowMs);',
    replacement: '',
    test: ofMachine,
  },
  {
    bug: 'a guard is heard about what a node was before',
    file: machine,
    source:
      "  if (node.epoch !== nodeEpoch) return 'stale-epoch';\n  if (guards.action === 'pause') {",
    replacement: "  if (guards.action === 'pause') {",
    test: ofMachine,
  },
  {
    bug: 'a node that was removed keeps its turn',
    file: machine,
    source: "  moveTo(rollout, node, 'removed', node.direction, nowMs);",
    replacement: '  moveTo(rollout, node, node.step, node.direction, nowMs);',
    test: random,
  },
  {
    bug: 'a removal gives no turn to another node',
    file: machine,
    source: '    return;\n  }\n  goOn(rollout, nowMs);\n}',
    replacement: '    return;\n  }\n}',
    test: ofMachine,
  },
  {
    bug: 'a node in the middle of its switch is taken for one that has not begun it',
    file: turns,
    source: "? step === 'switch' || step === 'rejoin' ||",
    replacement: "? step === 'rejoin' ||",
    test: random,
  },
  {
    bug: 'a node that is done is forgotten on the way back of a release',
    file: turns,
    source: "|| step === 'soak' || step === 'done'\n",
    replacement: "|| step === 'soak'\n",
    test: random,
  },
  {
    bug: 'a batch goes back while nodes of the one after it do',
    file: turns,
    source: 'begun ?? batches.findLast((batch) => batch.some(hasSwitched)) ?? [];',
    replacement: 'begun === undefined && batches.length < 0 ? [] : [...nodes];',
    test: ofMachine,
  },
  {
    bug: 'the last batch joins the one that the unhealthy node began',
    file: turns,
    source: 'begun ?? batches.findLast(',
    replacement: '(begun && undefined) ?? batches.findLast(',
    test: ofMachine,
  },
  {
    bug: 'the unhealthy node goes back beside nodes of another batch',
    file: turns,
    source: 'isIdle ? mayTurnBack(node) : waitingToGoBack(rollout).includes(node);',
    replacement: 'isIdle || mayTurnBack(node);',
    test: ofMachine,
  },
  {
    bug: 'a way back leaves acknowledgements of the fence behind',
    file: back,
    source: '  rollout.fenced = [];\n',
    replacement: '',
    test: ofEnd,
  },
  {
    bug: 'the unhealthy node goes back even if no more may be unavailable',
    file: turns,
    source: 'if (isNext && freeTurns(rollout) > 0)',
    replacement: 'if (isNext)',
    test: ofMachine,
  },
  {
    bug: 'the version is raised before every node has acknowledged the fence',
    file: finalizing,
    source: "if (unfencedNodes(rollout).length > 0) return 'fence-open';",
    replacement: '',
    test: ofEnd,
  },
  {
    bug: 'an acknowledgement of before a node came back as something older counts',
    file: finalizing,
    source:
      '  rollout.fenced = rollout.fenced.filter((one) => one !== nodeId);\n  rollout.epoch += 1;',
    replacement: '  rollout.fenced = rollout.fenced.filter((one) => one !== nodeId);',
    test: ofEnd,
  },
  {
    bug: 'the window closes before its time',
    file: finalizing,
    source: 'if (!early && nowMs < rollout.windowEndsMs)',
    replacement: 'if (!early && nowMs < rollout.finalizedAtMs)',
    test: ofEnd,
  },
  {
    bug: 'who joined while the window was open does not go back',
    file: finalizing,
    source: "    step: 'done',\n    direction: 'forward',",
    replacement: "    step: 'pending',\n    direction: 'back',",
    test: ofMembers,
  },
  {
    bug: 'the fence lets in a node of an older release',
    file: members,
    source: 'return said.release !== release.to.name || reads < release.to.commandVersion;',
    replacement: 'return reads < release.to.commandVersion - 1;',
    test: ofMembers,
  },
  {
    bug: 'a rollout is finalized while a member runs something else',
    file: members,
    source:
      "return areMembersOnTarget(state, rollout) ? finalize(rollout, epoch) : 'not-on-target';",
    replacement: 'return finalize(rollout, epoch);',
    test: ofMembers,
  },
  {
    bug: 'a late copy of a start starts again what was aborted',
    file: members,
    source: "?? (isLate ? 'plan-outdated' : null)",
    replacement: '',
    test: ofMembers,
  },
  {
    bug: 'an abort leaves members on the new engine',
    file: members,
    source: "for (const member of state.members.values()) member.engine = 'v1';",
    replacement: '',
    test: random,
  },
  {
    bug: 'a node that goes back to the older release is said to run the newer',
    file: members,
    source: "direction === 'forward' ? release.to : release.from",
    replacement: 'direction === undefined ? release.from : release.to',
    test: ofMembers,
  },
  {
    bug: 'a command version is raised while a rollout can be taken back',
    file: 'nodes/control-plane/apply.ts',
    source: "if (holds && version > before) return refused(index, 'rollout-running');",
    replacement: '',
    test: ofMembers,
  },
  {
    bug: 'a scheduled rollout begins at once',
    file: upkeep,
    source: 'if (timeOfDayMs < rollout.notBeforeMs) return undefined;',
    replacement: '',
    test: ofMembers,
  },
  {
    bug: 'a rollout that waits for an operator is finalized',
    file: upkeep,
    source: 'if (!plan.autoFinalize || !areMembersOnTarget(control, rollout))',
    replacement: 'if (!areMembersOnTarget(control, rollout))',
    test: ofMembers,
  },
  {
    bug: 'nobody tells the time while the window is open',
    file: 'nodes/rollout/waiting.ts',
    source: "if (status !== 'finalized') return Infinity;",
    replacement: 'return Infinity;',
    test: ofMembers,
  },
  {
    bug: 'a certificate counts without a look at its signatures',
    file: 'nodes/bft/proven.ts',
    source: 'return checker.isDecisionSigned(decision, votes) ? null',
    replacement: 'return checker.isDecisionSigned(decision, votes) !== null ? null',
    test: ofCertificate,
  },
  {
    bug: 'the members that approve are those that the certificate names',
    file: 'nodes/approval/certificate.ts',
    source: '  requireMembers(told, members);\n',
    replacement: '  members = told;\n',
    test: ofCertificate,
  },
  {
    bug: 'a certificate starts the same plan once more',
    file: 'nodes/approval/certificate.ts',
    source: 'if (found.after !== after) {',
    replacement: 'if (found.after > after) {',
    test: ofGate,
  },
  {
    bug: 'an approval that a leader left out is not missed',
    file: 'nodes/approval/gate.ts',
    source: '!isAfter(id, votedAfter);',
    replacement: 'id >= 0;',
    test: ofGate,
  },
  {
    bug: 'the digest of an approved plan lets another one through',
    file: 'nodes/approval/gate.ts',
    source: 'return value.digest === planDigest(plan) ?',
    replacement: 'return value.plan !== plan ?',
    test: ofGate,
  },
  {
    bug: 'a node votes for whatever is asked for',
    file: 'nodes/approval/node-approvals.ts',
    source: "return allowed?.after === after ? allowed.digest === digest : policy === 'any';",
    replacement:
      'return policy.length > 0 && (allowed?.after ?? after) === after && digest !== null;',
    test: ofApproving,
  },
  {
    bug: 'a release on trial that is killed once is given up',
    file: 'nodes/release/machine.ts',
    source: 'if (!wasKilled || state.crashes + 1 >= CRASHES_MAX) return giveUp',
    replacement: 'if (wasKilled || state.crashes + 1 >= CRASHES_MAX) return giveUp',
    test: ofSupervision,
  },
  {
    bug: 'a release on trial that is killed again and again is never given up',
    file: 'nodes/release/machine.ts',
    source: 'const again = { ...state, crashes: state.crashes + 1, restarts',
    replacement: 'const again = { ...state, crashes: 0, restarts',
    test: ofSupervision,
  },
  {
    bug: 'a standby that was killed counts as a release that failed',
    file: 'nodes/release/machine.ts',
    source: 'if (wasKilled(standby, how)) {',
    replacement: 'if (wasKilled(standby, how) && standby.readyAtMs > 0) {',
    test: ofSupervision,
  },
  {
    bug: 'a release whose standby is killed while the one before drains is given up',
    file: 'nodes/release/machine.ts',
    source: 'isStandbyKilled: wasKilled(standby, how) }',
    replacement: 'isStandbyKilled: how.length === 0 }',
    test: ofSupervision,
  },
  {
    bug: 'a release whose standby fails while the one before drains is tried again',
    file: 'nodes/release/machine.ts',
    source: 'isStandbyKilled: wasKilled(standby, how) }',
    replacement: 'isStandbyKilled: how.length > 0 }',
    test: ofSupervision,
  },
];

/** The machine of rollouts and what follows for members. */
export const ROLLOUT_MUTANTS = mutantsOfFiles(rows);
