/** The first seed of a random test: that of SEED, or one that nobody chose; printed either way. */
export function seedOfTest(): number {
  const given = process.env['SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 1_000_000) : Number(given);
  process.stdout.write(`SEED=${seed}\n`);
  return seed;
}
