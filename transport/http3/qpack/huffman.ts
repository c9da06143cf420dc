import { HUFFMAN_CODE_BITS } from './huffman-lengths.js';

/** End of a string; it may only appear as padding (RFC 7541 5.2). */
const END = 256;
const NODES_MAX = 2 * HUFFMAN_CODE_BITS.length;

/** Codes by symbol, and the tree: children of a node are at 2n and 2n+1; symbols are below zero. */
const { codes, tree } = build();

/** Bytes that `text` (latin1) takes in Huffman code. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) bits += bitsOf(text.charCodeAt(at));
  return Math.ceil(bits / 8);
}

/** Huffman code of `text` (latin1), padded with the first bits of the end of a string. */
export function encodeHuffman(text: string): Uint8Array {
  const bytes = new Uint8Array(huffmanBytes(text));
  let at = 0;
  let bits = 0;
  let kept = 0;
  for (let index = 0; index < text.length; index += 1) {
    const symbol = text.charCodeAt(index);
    // At most 7 bits are kept, so that with 30 more they may pass 32: a number, not bit operators.
    kept = kept * 2 ** bitsOf(symbol) + (codes[symbol] ?? 0);
    bits += bitsOf(symbol);
    while (bits >= 8) {
      bits -= 8;
      const whole = Math.floor(kept / 2 ** bits);
      bytes[at] = whole;
      at += 1;
      kept -= whole * 2 ** bits;
    }
  }
  if (bits > 0) bytes[at] = (kept << (8 - bits)) | (0xff >> bits);
  return bytes;
}

/** The text (latin1) that `bytes` stand for, or undefined when they are no Huffman code. */
export function decodeHuffman(bytes: Uint8Array): string | undefined {
  const symbols: number[] = [];
  let node = 0;
  let bitsSince = 0;
  let isOnes = true;
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift -= 1) {
      const bit = (byte >> shift) & 1;
      const next = tree[2 * node + bit] ?? 0;
      bitsSince += 1;
      isOnes &&= bit === 1;
      if (next > 0) {
        node = next;
        continue;
      }
      const symbol = -next - 1;
      if (symbol === END) return undefined;
      symbols.push(symbol);
      node = 0;
      bitsSince = 0;
      isOnes = true;
    }
  }
  // RFC 7541 5.2: padding is shorter than a byte and all ones.
  if (bitsSince > 7 || !isOnes) return undefined;
  return Buffer.from(symbols).toString('latin1');
}

function bitsOf(symbol: number): number {
  return HUFFMAN_CODE_BITS[symbol] ?? 0;
}

function build(): { readonly codes: readonly number[]; readonly tree: Int16Array } {
  const codes: number[] = Array.from(HUFFMAN_CODE_BITS, () => 0);
  const tree = new Int16Array(2 * NODES_MAX);
  const symbols = [...HUFFMAN_CODE_BITS.keys()];
  symbols.sort((one, other) => bitsOf(one) - bitsOf(other) || one - other);
  let code = -1;
  let length = 0;
  let nodesCount = 1;
  for (const symbol of symbols) {
    code = (code + 1) * 2 ** (bitsOf(symbol) - length);
    length = bitsOf(symbol);
    codes[symbol] = code;
    let node = 0;
    for (let shift = length - 1; shift > 0; shift -= 1) {
      const place = 2 * node + ((code >> shift) & 1);
      if (tree[place] === 0) {
        tree[place] = nodesCount;
        nodesCount += 1;
      }
      node = tree[place] ?? 0;
    }
    tree[2 * node + (code & 1)] = -symbol - 1;
  }
  return { codes, tree };
}
