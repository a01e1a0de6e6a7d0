/**
 * What a request cost, from its usage and the price list. An unknown model costs
 * `undefined`, never 0: the caller shows it as unpriced. Must not round.
 */
import { type Price, type PriceRow, priceRowOf, toPricedModel } from './prices.ts'
import type { Millis } from './time.ts'
import { promptTokensOf, type Usage } from './usage.ts'

const PER_MILLION = 1e-6
const WEB_SEARCH_USD = 0.01
const US_SURCHARGE = 1.1
const BATCH_DISCOUNT = 0.5

/** USD, or undefined where the list has no price for the model. */
export function costOf(model: string, usage: Usage, at: Millis): number | undefined {
  const row = priceRowOf(toPricedModel(model), at)
  if (row === undefined) return undefined
  const price = priceFor(row, usage)
  const tokens =
    usage.inputTokens * price.input +
    usage.cacheWrite5mTokens * price.cacheWrite5m +
    usage.cacheWrite1hTokens * price.cacheWrite1h +
    usage.cacheReadTokens * price.cacheRead +
    usage.outputTokens * price.output
  const region = usage.region === 'us' && row.regional === true ? US_SURCHARGE : 1
  const batch = usage.batch ? BATCH_DISCOUNT : 1
  return tokens * PER_MILLION * region * batch + usage.webSearches * WEB_SEARCH_USD
}

/**
 * What it costs more to write `tokens` into another account's cache than to read them where
 * they are. Undefined where the list has no price for the model.
 */
export function rewriteUsd(
  model: string,
  tokens: number,
  { isLong, at }: { readonly isLong: boolean; readonly at: Millis },
): number | undefined {
  const row = priceRowOf(toPricedModel(model), at)
  if (row === undefined) return undefined
  const { cacheWrite1h, cacheWrite5m, cacheRead } = row.price
  return tokens * ((isLong ? cacheWrite1h : cacheWrite5m) - cacheRead) * PER_MILLION
}

function priceFor(row: PriceRow, usage: Usage): Price {
  if (usage.speed === 'fast' && row.fast !== undefined) return fastPrice(row.price, row.fast)
  if (row.longPrompt !== undefined && promptTokensOf(usage) > row.longPrompt.above)
    return row.longPrompt.price
  return row.price
}

/** Fast mode names two prices; the caches keep their ratio to the input price (`wire.md` §7.2). */
function fastPrice(normal: Price, fast: { readonly input: number; readonly output: number }): Price {
  const ratio = fast.input / normal.input
  return {
    input: fast.input,
    cacheWrite5m: normal.cacheWrite5m * ratio,
    cacheWrite1h: normal.cacheWrite1h * ratio,
    cacheRead: normal.cacheRead * ratio,
    output: fast.output,
  }
}
