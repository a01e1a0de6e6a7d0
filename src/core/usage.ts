/**
 * What a request used up, as the provider counted it. Cache writes of five minutes and of
 * one hour stay apart everywhere, because they cost differently. Must not guess: a count
 * that was never seen is 0 and `complete` is false.
 */

export interface Usage {
  /** Prompt tokens that neither came from a cache nor went into one. */
  readonly inputTokens: number
  /** Includes thinking tokens. */
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly webSearches: number
  /** Priced differently; `undefined` means the provider did not say. */
  readonly speed: 'fast' | undefined
  readonly region: 'us' | undefined
  readonly batch: boolean
  /** Whether the provider's final count was seen. */
  readonly complete: boolean
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  webSearches: 0,
  speed: undefined,
  region: undefined,
  batch: false,
  complete: false,
}

/** Everything the model read: what the context tiers of a price are measured on. */
export const promptTokensOf = (usage: Usage): number =>
  usage.inputTokens + usage.cacheReadTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
