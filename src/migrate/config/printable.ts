/** Names and comments come from files: nothing of them may steer the terminal that shows them. */

/** With a replacement character for each control character; line ends and tabs only where `lines`. */
export function printable(text: string, lines = false): string {
  const pattern = lines
    ? /[^\P{Cc}\n\t]|[\u202A-\u202E\u2066-\u2069]/gu
    : /\p{Cc}|[\u202A-\u202E\u2066-\u2069]/gu;
  return text.replace(pattern, '\uFFFD');
}
