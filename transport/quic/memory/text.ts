/** The longest beginning of `text` that has at most `bytesMax` bytes in UTF-8. */
export function cutText(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text, 'utf8');
  let end = Math.min(bytes.length, bytesMax);
  // A byte of the form 10xxxxxx continues a character that began before.
  while (end > 0 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString('utf8');
}
