/** Runs etcd's membership cases against `consensus/raft/confchange`. */
import type { ConfChangeSingle } from '../../consensus/raft/confchange/change.js';
import {
  EMPTY_GROUP,
  type Group,
  type NewMember,
  enterJoint,
  leaveJoint,
  simpleChange,
} from '../../consensus/raft/confchange/changer.js';
import { RaftError } from '../../consensus/raft/error.js';
import type { Case } from './datadriven.js';
import { printMembers, printProgressMap } from './etcd-raft-describe.js';

const LETTERS = { v: 'addVoter', l: 'addLearner', r: 'remove', u: 'update' } as const;

/** Reads `v1 l2 r3`; returns what is wrong with it as a string. */
export function parseChanges(text: string): ConfChangeSingle[] | string {
  const changes: ConfChangeSingle[] = [];
  for (const token of text.split(/\s+/).filter((each) => each !== '')) {
    if (token.length < 2) return `unknown token ${token}`;
    const type = LETTERS[token[0] as keyof typeof LETTERS];
    if (type === undefined) return `unknown input: ${token}`;
    const node = Number(token.slice(1));
    if (!Number.isSafeInteger(node)) return `not a number: ${token.slice(1)}`;
    changes.push({ type, node });
  }
  return changes;
}

/** The group of one file and the number of cases so far, which stands for the last index. */
export class ConfChangeScript {
  private group: Group = EMPTY_GROUP;
  private lastIndex = 0;

  /** The output of the next case. */
  run(test: Case): string {
    const start: NewMember = {
      lastIndex: this.lastIndex,
      limits: { maxInflightMessages: 10, maxInflightBytes: Infinity },
    };
    this.lastIndex += 1;
    const changes = parseChanges(test.input);
    if (typeof changes === 'string') return changes;
    try {
      const group = this.change(test, changes, start);
      if (typeof group === 'string') return group;
      this.group = group;
    } catch (error) {
      if (error instanceof RaftError) return `${error.message}\n`;
      throw error;
    }
    const status = new Map([...this.group.progress].map(([id, each]) => [id, each.status()]));
    return `${printMembers(this.group.members)}\n${printProgressMap(status)}`;
  }

  private change(
    test: Case,
    changes: readonly ConfChangeSingle[],
    start: NewMember,
  ): Group | string {
    const autoLeave = test.arguments.some((a) => a.key === 'autoleave' && a.values[0] === 'true');
    switch (test.command) {
      case 'simple':
        return simpleChange(this.group, changes, start);
      case 'enter-joint':
        return enterJoint(this.group, autoLeave, changes, start);
      case 'leave-joint':
        if (changes.length > 0) return 'this command takes no input\n';
        return leaveJoint(this.group);
      default:
        return 'unknown command';
    }
  }
}
