/** The seed of a random test: taken from AGENTIC_FLOW_SEED, else drawn, and printed. */
export function randomSeed(): number {
  const given = Number(process.env['AGENTIC_FLOW_SEED'] ?? '');
  const seed = given > 0 ? given : Math.floor(Math.random() * 2 ** 31);
  process.stdout.write(`AGENTIC_FLOW_SEED=${seed}\n`);
  return seed;
}
