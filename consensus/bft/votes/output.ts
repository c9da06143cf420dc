import type { Round, ValueId } from '../types.js';

/** What votes have come to; that of a quorum unless said otherwise. */
export type KeeperOutput =
  | { readonly type: 'none' }
  | { readonly type: 'polkaAny'; readonly round: Round }
  | { readonly type: 'polkaNil'; readonly round: Round }
  | { readonly type: 'polkaValue'; readonly round: Round; readonly value: ValueId }
  | { readonly type: 'precommitAny'; readonly round: Round }
  | { readonly type: 'precommitValue'; readonly round: Round; readonly value: ValueId }
  /** Votes of a later round by so many that one of them is correct. */
  | { readonly type: 'skip'; readonly round: Round };

/** Nothing new. */
export const NO_KEEPER_OUTPUT: KeeperOutput = { type: 'none' };

/** The same string for the same output of one round, and different ones for different outputs. */
export function outputKey(output: KeeperOutput): string {
  return 'value' in output ? `${output.type} ${output.value}` : output.type;
}
