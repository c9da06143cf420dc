/** Embeds a text in a process of its own, whose folder and environment say what runs the model. */
import { createMiniLmEmbedder, MemoryError } from '../../../src/memory/index.js';

const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));
const result: Record<string, unknown> = { warnings };
try {
  const embedder = createMiniLmEmbedder();
  const [vector] = await embedder.embed(['The weather is lovely today.']);
  result['runtime'] = embedder.runtime;
  result['vector'] = [...vector!];
  await embedder.close();
} catch (error) {
  if (!(error instanceof MemoryError)) throw error;
  result['error'] = error.message;
}
process.stdout.write(JSON.stringify(result));
