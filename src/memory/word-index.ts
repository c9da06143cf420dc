/** Which memories hold the words of a query, scored so that it compares with a cosine. */
import type { Scored } from './nearest.js';
import { TextIndex } from './text/text-index.js';

export class WordIndex {
  readonly index: TextIndex;

  constructor(index = new TextIndex()) {
    this.index = index;
  }

  put(id: string, text: string): void {
    this.index.put(id, text);
  }

  delete(id: string): void {
    this.index.delete(id);
  }

  /** Best first, from 0 to 1; memories that `skip` names or that hold no word are left out. */
  search(text: string, limit: number, skip: (id: string) => boolean): Scored[] {
    const ceiling = this.index.ceilingOf(text);
    const hits = this.index.search(text, { limit, accept: (id) => !skip(id) });
    return hits.map(({ id, score }) => ({ id, score: score / ceiling }));
  }
}
