/** Edits in the code blocks of a Markdown text, as models write them for several files. */

export interface MarkdownEdit {
  readonly path: string;
  readonly instruction: string;
  readonly code: string;
}

const OPENING = /^(`{3,}|~{3,})\s*(?:[\w+#.-]+\s+)?filepath=(\S+)\s+instruction=(.+)$/;

/** The blocks that name a file, in their order. A block that is not closed reaches to the end. */
export function editsOf(markdown: string): MarkdownEdit[] {
  const edits: MarkdownEdit[] = [];
  const lines = markdown.replaceAll('\r\n', '\n').split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [, fence, path, instruction] = OPENING.exec(lines[at]!) ?? [];
    if (fence === undefined || path === undefined || instruction === undefined) continue;
    const start = at + 1;
    at = start;
    while (at < lines.length && !isClosing(lines[at]!, fence)) at += 1;
    edits.push({ path, instruction: instruction.trim(), code: lines.slice(start, at).join('\n') });
  }
  return edits;
}

function isClosing(line: string, fence: string): boolean {
  const text = line.trimEnd();
  return text.length >= fence.length && text === fence[0]!.repeat(text.length);
}
