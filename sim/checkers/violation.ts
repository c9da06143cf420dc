/** What a checker throws: an invariant does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';

  constructor(
    /** Name of the checker: that of its file. */
    readonly checker: string,
    message: string,
  ) {
    super(message);
  }
}
