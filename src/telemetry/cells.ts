/**
 * The counts themselves: one cell for each account and model, found in two look-ups. Bounded:
 * accounts are the operator's, and only models of the price list get cells of their own.
 */
import type { LedgerRow } from '../core/ledger.ts'
import { pricedModels, toPricedModel } from '../core/prices.ts'
import { createHistogram, type Histogram, observe, type Samples } from './exposition.ts'

/** Keys of several words, and how often each was counted. */
export type Tally = Map<string, number>

export const SEPARATOR = '\n'

export const count = (tally: Tally, key: string): void => void tally.set(key, (tally.get(key) ?? 0) + 1)

export const toSamples = (tally: Tally): Samples =>
  [...tally].map(([key, value]) => [key.split(SEPARATOR), value])

/** All that is counted for one account and model. */
export interface Cell {
  readonly account: string
  readonly model: string
  readonly endings: Tally
  readonly ttft: Histogram
  readonly duration: Histogram
  input: number
  output: number
  cacheRead: number
  cacheWrite5m: number
  cacheWrite1h: number
  costUsd: number
  unpriced: number
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600]

export interface Cells {
  book(row: LedgerRow): void
  all(): readonly Cell[]
}

export function createCells(): Cells {
  const label = createModelLabels()
  const byAccount = new Map<string, Map<string, Cell>>()
  const cellOf = (account: string, model: string): Cell => {
    const byModel = byAccount.get(account) ?? new Map<string, Cell>()
    const known = byModel.get(model)
    if (known !== undefined) return known
    const cell = newCell(account, model)
    byAccount.set(account, byModel.set(model, cell))
    return cell
  }
  return {
    book: (row) => book(cellOf(row.account ?? 'none', label(row.servedModel)), row),
    all: () => [...byAccount.values()].flatMap((byModel) => [...byModel.values()]),
  }
}

function book(cell: Cell, row: LedgerRow): void {
  const { usage } = row
  count(cell.endings, row.outcome + SEPARATOR + row.status)
  cell.input += usage.inputTokens
  cell.output += usage.outputTokens
  cell.cacheRead += usage.cacheReadTokens
  cell.cacheWrite5m += usage.cacheWrite5mTokens
  cell.cacheWrite1h += usage.cacheWrite1hTokens
  if (row.costUsd === undefined) cell.unpriced++
  else cell.costUsd += row.costUsd
  if (row.ttftMs !== undefined) observe(cell.ttft, row.ttftMs / 1_000)
  observe(cell.duration, row.durationMs / 1_000)
}

const newCell = (account: string, model: string): Cell => ({
  account,
  model,
  endings: new Map(),
  ttft: createHistogram(SECONDS),
  duration: createHistogram(SECONDS),
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  costUsd: 0,
  unpriced: 0,
})

const MOST_REMEMBERED = 1_000

/** Model names are written by clients: only those of the price list become labels. */
function createModelLabels(): (model: string | undefined) => string {
  const known = new Set(pricedModels())
  const labels = new Map<string, string>()
  return (model) => {
    if (model === undefined) return 'none'
    const remembered = labels.get(model)
    if (remembered !== undefined) return remembered
    const priced = toPricedModel(model)
    const label = known.has(priced) ? priced : 'other'
    if (labels.size < MOST_REMEMBERED) labels.set(model, label)
    return label
  }
}
