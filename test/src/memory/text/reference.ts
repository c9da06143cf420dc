/** BM25 over texts held as they are: every document is scored, nothing is skipped. */
import { TermWeight, UNITS_PER_ONE } from '../../../../src/memory/text/bm25.js';
import { byScore, type Scored } from '../../../../src/memory/nearest.js';
import { queryTerms, tokensOf } from '../../../../src/memory/text/tokenizer.js';

export class Reference {
  readonly #tokens = new Map<string, string[]>();

  get size(): number {
    return this.#tokens.size;
  }

  ids(): string[] {
    return [...this.#tokens.keys()];
  }

  put(id: string, text: string): void {
    this.#tokens.set(id, tokensOf(text));
  }

  delete(id: string): boolean {
    return this.#tokens.delete(id);
  }

  search(text: string, limit: number, accept: (id: string) => boolean = () => true): Scored[] {
    const units = new Map<string, number>();
    for (const [term, weight] of this.#weights(text)) {
      for (const [id, tokens] of this.#tokens) {
        const count = tokens.filter((token) => token === term).length;
        if (count === 0 || !accept(id)) continue;
        units.set(id, (units.get(id) ?? 0) + weight.units(count, tokens.length));
      }
    }
    return [...units]
      .map(([id, sum]) => ({ id, score: sum / UNITS_PER_ONE }))
      .sort(byScore)
      .slice(0, limit);
  }

  ceilingOf(text: string): number {
    const weights = [...this.#weights(text).values()];
    return weights.reduce((sum, { ceiling }) => sum + ceiling, 0) / UNITS_PER_ONE;
  }

  #weights(text: string): Map<string, TermWeight> {
    const all = [...this.#tokens.values()];
    const tokens = all.reduce((sum, { length }) => sum + length, 0);
    const weights = new Map<string, TermWeight>();
    for (const term of queryTerms(text)) {
      const holding = all.filter((held) => held.includes(term)).length;
      weights.set(term, new TermWeight({ documents: all.length, tokens }, holding));
    }
    return weights;
  }
}
