/**
 * What the operator may say of how much one key uses, and of what it may call: types and their
 * names. What has been used is key-use.ts, whether that is too much is key-gauge.ts.
 */

/** `5h` slides; the others are of the calendar in UTC, a week begins on Monday. */
export const BUDGET_PERIODS = ['5h', 'day', 'week', 'month'] as const
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number]

/** Tokens are input, output and cache writes; reads from a cache do not count. */
export type Budget =
  | { readonly usd: number; readonly period: BudgetPeriod }
  | { readonly tokens: number; readonly period: BudgetPeriod }

/** Absent: without limit. */
export interface KeyLimits {
  /** In any 60 seconds. */
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  /** Requests under way at once. */
  readonly maxConcurrent?: number
  readonly budgets?: readonly Budget[]
}

/** The kinds of endpoints that a key can be kept to. */
export const ENDPOINT_NAMES = ['messages', 'count_tokens', 'models', 'batches', 'files', 'other'] as const
export type EndpointName = (typeof ENDPOINT_NAMES)[number]

export const isEndpointName = (value: unknown): value is EndpointName =>
  ENDPOINT_NAMES.some((name) => name === value)

export const hasLimits = (limits: KeyLimits): boolean =>
  limits.requestsPerMinute !== undefined ||
  limits.tokensPerMinute !== undefined ||
  limits.maxConcurrent !== undefined ||
  limits.budgets !== undefined

/** Undefined for what is no budget. */
export function readBudget(value: unknown): Budget | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { usd, tokens, period }: Partial<Record<'usd' | 'tokens' | 'period', unknown>> = value
  const ofPeriod = BUDGET_PERIODS.find((name) => name === period)
  if (ofPeriod === undefined || (usd === undefined) === (tokens === undefined)) return undefined
  if (isAmount(usd)) return { usd, period: ofPeriod }
  return isAmount(tokens) ? { tokens, period: ofPeriod } : undefined
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && value > 0 && Number.isFinite(value)
