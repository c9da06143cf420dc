import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';

const PATH = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** Nothing but the page under test may use the network. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Starts Chromium with an empty profile. Fails when it is not there: nothing is skipped. */
export async function startChromium(): Promise<Browser> {
  if (!existsSync(PATH)) {
    throw new Error(
      `there is no Chromium at ${PATH}; install it (Debian: apt-get install chromium), ` +
        'or name it in the environment variable CHROMIUM',
    );
  }
  const profile = mkdtempSync(join(tmpdir(), 'agentic-flow-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: PATH,
    headless: true,
    args: ARGUMENTS,
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
