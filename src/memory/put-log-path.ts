/** The log of puts that a store has in front of its file; see `store/put-log.ts`. */
export function putLogPath(storePath: string): string {
  return `${storePath}-puts`;
}
