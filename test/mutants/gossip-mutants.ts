import { type FileMutant, mutantsOfFiles } from './source-mutant.js';

const judging = 'consensus/gossip/judging.ts';
const probe = 'consensus/gossip/probe.ts';
const machine = 'consensus/gossip/machine.ts';
const pushPull = 'consensus/gossip/push-pull.ts';
const suspicion = 'consensus/gossip/suspicion.ts';
const status = 'test/consensus/gossip/status.test.ts';
const swarm = 'test/consensus/gossip/swarm.test.ts';
const times = 'test/consensus/gossip/suspicion.test.ts';
const news = 'test/consensus/gossip/broadcasts.test.ts';

const rows: readonly FileMutant[] = [
  {
    bug: 'an old record that is replayed counts',
    file: judging,
    source: 'record.incarnation <= known.item.record.incarnation',
    replacement: 'record.incarnation === known.item.record.incarnation',
    test: status,
  },
  {
    bug: 'a record that somebody else has signed counts',
    file: judging,
    source: '  if (!state.isSigned(peerId, record.publicKey, item)) {',
    replacement: '  if (peerId === undefined) {',
    test: status,
  },
  {
    bug: 'a claim that somebody else has signed counts',
    file: judging,
    source: '  if (state.isSigned(peerId, key, item)) return true;',
    replacement: '  if (item.bytes.length > 0) return true;',
    test: status,
  },
  {
    bug: 'a record of who is evicted counts',
    file: judging,
    source:
      "    state.refuse(from, 'not-admitted');\n    return;\n  }\n  const known = state.known.get(record.id);",
    replacement:
      "    state.refuse(from, 'not-admitted');\n  }\n  const known = state.known.get(record.id);",
    test: status,
  },
  {
    bug: 'a claim of who is evicted counts',
    file: judging,
    source: '  if (!state.admitted.has(subject) || !state.admitted.has(accuser)) {',
    replacement: '  if (!state.admitted.has(subject)) {',
    test: status,
  },
  {
    bug: 'who is evicted is still listened to',
    file: machine,
    source: '    if (!state.admitted.has(from) || from === state.config.self) {',
    replacement: '    if (from === state.config.self) {',
    test: status,
  },
  {
    bug: 'an eviction leaves what is known of the member',
    file: machine,
    source: '      if (members.get(id) !== before.get(id)) state.forget(id);',
    replacement: '      if (members.get(id) !== before.get(id)) state.broadcasts.forget(id);',
    test: status,
  },
  {
    bug: 'a claim about any incarnation counts',
    file: judging,
    source: '  if (known === undefined || known.item.record.incarnation !== incarnation) return;',
    replacement: '  if (known === undefined) return;',
    test: status,
  },
  {
    bug: 'a node refutes claims that it has refuted already, without end',
    file: judging,
    source: '  if (state.hasLeft || incarnation !== state.own.record.incarnation) return;',
    replacement: '  if (state.hasLeft) return;',
    test: status,
  },
  {
    bug: 'a node that has left refutes that it has',
    file: judging,
    source: '  if (state.hasLeft || incarnation !==',
    replacement: '  if (incarnation !==',
    test: status,
  },
  {
    bug: 'nobody refutes what somebody has claimed who was evicted meanwhile',
    file: judging,
    source: '  if (state.known.has(accuser) && !isSigned',
    replacement: '  if (!isSigned',
    test: status,
  },
  {
    bug: 'a restarted node stays behind the incarnation of the process before it',
    file: judging,
    source: '  state.renew(incarnation + 1);\n}\n\nfunction learnClaim',
    replacement: '}\n\nfunction learnClaim',
    test: status,
  },
  {
    bug: 'nobody tells a member that it is taken for dead',
    file: judging,
    source:
      '  return known.accusation === undefined ? [known.item] : [known.accusation, known.item];',
    replacement: '  return [];',
    test: status,
  },
  {
    bug: 'a verdict of another one counts at once, so that two halves that meet take all for dead',
    file: suspicion,
    source: '    return startMs + this.#pausedMs + mostMs - (mostMs - leastMs) * share;',
    replacement:
      '    if (this.#isConcluded) return startMs;\n' +
      '    return startMs + this.#pausedMs + mostMs - (mostMs - leastMs) * share;',
    test: times,
  },
  {
    bug: 'the same accuser counts twice',
    file: suspicion,
    source: '    return !this.#accusers.has(accuser) && this',
    replacement: '    return this',
    test: times,
  },
  {
    bug: 'confirmations do not make a suspicion shorter',
    file: suspicion,
    source: 'Math.log(counted + 1)',
    replacement: 'Math.log(1)',
    test: times,
  },
  {
    bug: 'the time in which a node did not run is held against the others',
    file: machine,
    source: '    for (const id of state.suspects) state.known.get(id)?.suspicion?.extend(lateMs);',
    replacement: '',
    test: status,
  },
  {
    bug: 'a probe that was under way while the node did not run accuses its target',
    file: machine,
    source: '    this.#prober.delay(lateMs);',
    replacement: '',
    test: status,
  },
  {
    bug: 'a ping that is lost is not sent again',
    file: probe,
    source: '    round.pingAtMs = nowMs + config.pingRepeatMs * (1 + awareness.score / 2);',
    replacement: '    round.pingAtMs = round.endMs;',
    test: swarm,
  },
  {
    bug: 'nobody else is asked to ping',
    file: probe,
    source: '    round.helpers ??= state.pick(state.reachable, config.helpers, target);',
    replacement: '    round.helpers ??= [];',
    test: swarm,
  },
  {
    bug: 'the answer of anybody counts for that of the target',
    file: probe,
    source: '    if (from !== target && round.helpers?.includes(from) !== true) return;',
    replacement: '',
    test: swarm,
  },
  {
    bug: 'a node on which nobody answers does not doubt itself',
    file: probe,
    source:
      '    this.#state.awareness.change(helpers.length === 0 ? 1 : helpers.length - round.nacks.size);',
    replacement: '    this.#state.awareness.change(0);',
    test: swarm,
  },
  {
    bug: 'nacks are not counted, so that a node doubts itself whenever another one has crashed',
    file: probe,
    source: '      round.nacks.add(from);',
    replacement: '',
    test: swarm,
  },
  {
    bug: 'helpers do not pass the answer on',
    file: 'consensus/gossip/relays.ts',
    source:
      "    sendDatagram(this.#state, asker, { type: 'ack', sequence: theirSequence, target });",
    replacement: '',
    test: swarm,
  },
  {
    bug: 'nobody tries the dead again, so that two halves never find together',
    file: pushPull,
    source: '    this.#reconnect();\n',
    replacement: '',
    test: swarm,
  },
  {
    bug: 'a node that joins asks nobody',
    file: pushPull,
    source: '    for (const id of state.pick(others, JOIN_PARTNERS)) this.#sendSummary(id, false);',
    replacement: '',
    test: swarm,
  },
  {
    bug: 'datagrams grow with the news',
    file: 'consensus/gossip/broadcasts.ts',
    source: 'if (news.item.bytes.length > left || isTold(news.item)) continue;',
    replacement: 'if (isTold(news.item)) continue;',
    test: swarm,
  },
  {
    bug: 'news is told without end',
    file: 'consensus/gossip/broadcasts.ts',
    source: '      if (times < timesMax) this.#put(news, times);',
    replacement: '      this.#put(news, times);',
    test: news,
  },
  {
    bug: 'old news of a member goes on after newer news',
    file: 'consensus/gossip/broadcasts.ts',
    source: "    if (item.kind === 'record') this.forget(subject);\n    else this.#remove",
    replacement: '    this.#remove',
    test: news,
  },
];

/** Mutants of membership by gossip. */
export const GOSSIP_MUTANTS = mutantsOfFiles(rows);
