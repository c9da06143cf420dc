/** The far side of the transport bench, a process of its own: `server.js TRANSPORT`. */
import { answerParent } from './child.js';
import { loadTransport } from './transports.js';

const transport = await loadTransport(process.argv[2] ?? '');
const address = await transport.serve();

/** First for the address; then for the processor time so far, in microseconds. */
answerParent(async (request) => {
  if (request === 'address') return address;
  const { user, system } = process.cpuUsage();
  return user + system;
});
process.send?.({ result: 'ready' });
