/** Bounds of the checkers. */
export const limits = {
  /** Operations in one history. */
  historyOperationsMax: 1_000_000,
  /** Model steps that one call may take over all keys when the caller names no limit. */
  stepsMaxDefault: 20_000_000,
  /** Configurations remembered for one key; beyond it the verdict is 'unknown'. */
  rememberedConfigurationsMax: 4_000_000,
  /** Operations with unknown outcome and equal input on one key. */
  equalUnknownOperationsMax: 65_535,
  /** States named in a counterexample. */
  counterexampleStatesMax: 8,
  /** Operations of each kind (ordered before, concurrent) listed in a counterexample. */
  counterexampleOperationsMax: 8,
  /** Characters of one value printed in a counterexample. */
  printedValueCharactersMax: 60,
  /** Characters of one history file. */
  historyCharactersMax: 256 * 1024 * 1024,
  /** Nesting of EDN collections. */
  ednDepthMax: 64,
} as const;
