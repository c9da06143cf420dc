/**
 * A process that uses the ticket keys at a path, for tests with several: asks for them at each time
 * that it is told, and says the first one, and how many there are.
 */
import { TicketKeys } from '../../../transport/tickets/index.js';

const [path = '', startMs = '0', periodMs = '1000'] = process.argv.slice(2);
let nowMs = Number(startMs);
const keys = new TicketKeys({ path, periodMs: Number(periodMs), now: () => nowMs });

process.on('message', (message) => {
  nowMs = Number(message);
  const [first, ...rest] = keys.keys();
  process.send?.([Buffer.from(first ?? []).toString('hex'), 1 + rest.length]);
});
process.send?.('ready');
