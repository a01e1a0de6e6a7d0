/**
 * The built-in price list: what a provider charges for a model, from when on. Absolute
 * prices, no multipliers, because the ratios differ between models (`wire.md` §7). Must
 * not price a model by a prefix of its name: point releases differ fivefold.
 */
import { type Millis, readDate } from './time.ts'

/** USD per million tokens. */
export interface Price {
  readonly input: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly cacheRead: number
  readonly output: number
}

export interface PriceRow {
  readonly models: readonly string[]
  /** Undated rows hold from the model's first day. */
  readonly from?: string
  readonly price: Price
  /** The whole request costs this once its prompt is longer than `above` tokens. */
  readonly longPrompt?: { readonly above: number; readonly price: Price }
  readonly fast?: { readonly input: number; readonly output: number }
  /** Whether `inference_geo: "us"` costs a tenth more (4.6 and later). */
  readonly regional?: boolean
}

/** The day on which this table was last compared with its sources. */
export const PRICES_AS_OF = '2026-11-20'

const price = (
  ...[input, cacheWrite5m, cacheWrite1h, cacheRead, output]: readonly [number, number, number, number, number]
): Price => ({ input, cacheWrite5m, cacheWrite1h, cacheRead, output })

const OPUS = price(5, 6.25, 10, 0.5, 25)
const OPUS_FAST = { input: 10, output: 50 }
const SONNET_4 = price(3, 3.75, 6, 0.3, 15)

/** Of two rows for one model, the later one in force counts. */
const ROWS: readonly PriceRow[] = [
  { models: ['claude-fable-5-2', 'claude-mythos-5-2'], price: price(8, 10, 16, 0.2, 40), regional: true },
  { models: ['claude-fable-5-1', 'claude-mythos-5-1'], price: price(10, 12.5, 20, 0.25, 50), regional: true },
  { models: ['claude-fable-5', 'claude-mythos-5'], price: price(10, 12.5, 20, 1, 50), regional: true },
  {
    models: ['claude-opus-5-5'],
    price: price(4, 5, 8, 0.2, 20),
    fast: { input: 8, output: 40 },
    regional: true,
  },
  { models: ['claude-opus-5', 'claude-opus-4-8'], price: OPUS, fast: OPUS_FAST, regional: true },
  { models: ['claude-opus-4-7', 'claude-opus-4-6'], price: OPUS, regional: true },
  { models: ['claude-opus-4-5'], price: OPUS },
  { models: ['claude-sonnet-5-5'], price: price(2, 2.5, 4, 0.2, 10), regional: true },
  {
    models: ['claude-sonnet-5-5'],
    from: '2026-10-07T00:00:00Z',
    price: price(2, 2.5, 4, 0.1, 10),
    regional: true,
  },
  { models: ['claude-sonnet-5'], price: price(2, 2.5, 4, 0.2, 10), regional: true },
  { models: ['claude-sonnet-4-6'], price: SONNET_4, regional: true },
  { models: ['claude-sonnet-4-5', 'claude-sonnet-4'], price: SONNET_4 },
  {
    models: ['claude-haiku-5-5'],
    price: price(0.1, 0.125, 0.2, 0.01, 0.5),
    longPrompt: { above: 100_000, price: price(0.5, 0.625, 1, 0.05, 2.5) },
    regional: true,
  },
  { models: ['claude-haiku-4-5'], price: price(1, 1.25, 2, 0.1, 5) },
  { models: ['claude-opus-4-1', 'claude-opus-4'], price: price(15, 18.75, 30, 1.5, 75) },
  { models: ['claude-haiku-3-5', 'claude-3-5-haiku'], price: price(0.8, 1, 1.6, 0.08, 4) },
]

const TABLE: ReadonlyMap<string, readonly PriceRow[]> = tableOf(ROWS)

/** Models that this list can price, in the spelling of the list. */
export const pricedModels = (): readonly string[] => [...TABLE.keys()]

/** The row in force for a model at a moment; `model` in the spelling of `toPricedModel`. */
export function priceRowOf(model: string, at: Millis): PriceRow | undefined {
  return TABLE.get(model)?.findLast((row) => row.from === undefined || (readDate(row.from) ?? at) <= at)
}

/**
 * Brings the spellings of other sellers to the list's own (`wire.md` §7.1): vendor and
 * region prefixes, dots for hyphens, `[1m]`, `@date`, `-v1:0`, and the date of a snapshot.
 */
export function toPricedModel(model: string): string {
  const plain = model
    .toLowerCase()
    .replace(/^.*\//, '')
    .replace(/^(?:[a-z]+\.)?anthropic\./, '')
    .replace(/\[[^\]]*\]$/, '')
    .replace(/[@:].*$/, '')
    .replace(/-v\d+$/, '')
    .replaceAll('.', '-')
  return TABLE.has(plain) ? plain : plain.replace(/-\d{8}$/, '')
}

function tableOf(rows: readonly PriceRow[]): ReadonlyMap<string, readonly PriceRow[]> {
  const table = new Map<string, PriceRow[]>()
  for (const row of rows) {
    for (const model of row.models) table.set(model, [...(table.get(model) ?? []), row])
  }
  return table
}
