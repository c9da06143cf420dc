/** Which of so many things there are: bit `at % 8` of byte `at / 8`, the lowest bit first. */

/** For so many, none of which there is. */
export function bitmapOf(count: number): Uint8Array {
  return new Uint8Array(Math.ceil(count / 8));
}

export function hasBit(bitmap: Uint8Array, at: number): boolean {
  return (((bitmap[at >> 3] ?? 0) >> (at & 7)) & 1) === 1;
}

export function setBit(bitmap: Uint8Array, at: number): void {
  bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (1 << (at & 7));
}

export function clearBit(bitmap: Uint8Array, at: number): void {
  bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) & ~(1 << (at & 7));
}

/** All of so many. */
export function fullBitmap(count: number): Uint8Array {
  const bitmap = bitmapOf(count);
  for (let at = 0; at < count; at += 1) setBit(bitmap, at);
  return bitmap;
}

/** Whether it is one for so many: no bit beyond them is set. */
export function isBitmapOf(bitmap: Uint8Array, count: number): boolean {
  if (bitmap.length !== Math.ceil(count / 8)) return false;
  const spare = bitmap.length * 8 - count;
  return (bitmap.at(-1) ?? 0) >> (8 - spare) === 0;
}
