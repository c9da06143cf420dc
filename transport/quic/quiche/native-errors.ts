/** The code in an error of quiche such as `StreamReset(5)`; undefined when it is another. */
export function codeInside(error: unknown, name: string): number | undefined {
  const match = new RegExp(`^${name}\\((\\d+)\\)$`).exec(
    error instanceof Error ? error.message : '',
  );
  return match === null ? undefined : Number(match[1]);
}

/** True when quiche does not know the stream, because it is over. */
export function isStreamGone(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('InvalidStreamState');
}
