#!/usr/bin/env node
import { CommanderError } from 'commander';

import { buildProgram } from './program.js';
import { ExitError, messageFor } from './failure.js';

try {
  const program = await buildProgram(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else if (error instanceof ExitError) {
    if (error.message !== '') process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    process.stderr.write(`error: ${messageFor(error)}\n`);
    process.exitCode = 1;
  }
}
