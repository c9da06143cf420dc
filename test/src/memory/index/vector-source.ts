/** Vectors with a shape, from a seed. */
import { RandomStream } from '../../../../sim/world/random.js';

/** Vectors around a few centres, as those of texts are; not unit length. */
export class VectorSource {
  readonly random: RandomStream;
  readonly #centres: Float32Array[];

  constructor(seed: number, dimensions: number, centres = 50) {
    this.random = new RandomStream(seed, 'vectors');
    this.#centres = Array.from({ length: centres }, () => this.#noise(dimensions, 1));
  }

  next(): Float32Array {
    return this.near(this.random);
  }

  /** One that the random numbers given decide. */
  near(random: RandomStream): Float32Array {
    const centre = random.pick(this.#centres);
    return this.#noise(centre.length, 0.8, random).map((value, i) => value + centre[i]!);
  }

  #noise(dimensions: number, scale: number, random = this.random): Float32Array {
    return Float32Array.from({ length: dimensions }, () => (random.fraction() - 0.5) * scale);
  }
}
