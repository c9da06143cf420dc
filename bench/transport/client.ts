/** The near side of the transport bench, a process of its own: `client.js TRANSPORT`. */
import { answerParent } from './child.js';
import type { Client, ServerAddress, Step } from './link.js';
import { measure } from './measure.js';
import { loadTransport } from './transports.js';

const transport = await loadTransport(process.argv[2] ?? '');
let client: Client | undefined;

answerParent(async (request) => {
  const { address, step } = request as { address?: ServerAddress; step?: Step };
  if (address !== undefined) client = await transport.connect(address);
  if (client === undefined) throw new Error('an address comes first');
  return step === undefined ? undefined : await measure(client, step);
});
process.send?.({ result: 'ready' });
