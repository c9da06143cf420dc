/**
 * The command line without the rights of root, who may write everywhere. Everything is loaded
 * before the rights are given up, since the checkout may lie where only root can read.
 */
import { Command } from 'commander';

const NOBODY = 65_534;
const parseAsync = Command.prototype.parseAsync;

Command.prototype.parseAsync = function asNobody(...args) {
  if (process.getuid?.() === 0) {
    process.setgroups?.([]);
    process.setgid?.(NOBODY);
    process.setuid?.(NOBODY);
  }
  return parseAsync.apply(this, args);
};

await import('../../../src/cli/main.js');
