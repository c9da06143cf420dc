/** Words between blanks and line ends: long lists of names stay readable that way. */
export function wordsIn(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
