/**
 * What all answers of usage endpoints have in common: who refused, who is to be asked later,
 * and what makes a window of a few numbers. Must not know any one provider's fields.
 */
import type { Window } from '../core/limits.ts'
import { MINUTE, type Millis } from '../core/time.ts'
import { readRetryAfter } from './anthropic/limits.ts'
import { type Fields, readObject } from './fields.ts'
import { given } from './given.ts'
import type { UsageAnswer, UsageEndpoint, UsageReading } from './provider.ts'

/** Plans' quotas move by the minute, balances by the hour. */
export const QUOTA_EVERY_MS = 5 * MINUTE
export const BALANCE_EVERY_MS = 15 * MINUTE

interface Special {
  /** What a status other than success means, where the provider says more than others do. */
  readonly refusal?: (answer: UsageAnswer) => UsageReading | undefined
}

/** Undefined from `windowsOf`: an answer that is not understood. */
export type WindowsOf = (body: Fields, answer: UsageAnswer) => readonly Window[] | UsageReading | undefined

/** A reader of usage answers: the statuses as everybody means them, the body as `windowsOf` reads it. */
export const usageReader =
  (windowsOf: WindowsOf, { refusal }: Special = {}): UsageEndpoint['read'] =>
  (answer) => {
    const { status, body } = answer
    if (status !== 200) return refusal?.(answer) ?? readStatus(answer)
    const fields = readObject(body)
    const reading = fields === undefined ? undefined : windowsOf(fields, answer)
    if (reading === undefined) return { kind: 'later', evidence: 'its usage answer is not understood (200)' }
    return 'kind' in reading ? reading : { kind: 'windows', windows: withoutDoubles(reading) }
  }

function readStatus({ status, headers, now }: UsageAnswer): UsageReading {
  if (status === 401) return refusedCredential(401)
  if (status === 403) return { kind: 'refused', evidence: 'its credential may not ask for usage (403)' }
  const waitMs = readRetryAfter(headers, now)
  const wait = waitMs === undefined ? {} : { waitMs: Math.max(0, waitMs) }
  const evidence = status === 429 ? 'it limits questions about usage (429)' : `it answered ${status}`
  return { kind: 'later', evidence, ...wait }
}

export const refusedCredential = (code: number | string): UsageReading => ({
  kind: 'refused',
  evidence: `its credential was refused (${code})`,
})

/** Two readings of one name in one answer: the fuller one is the one that limits. */
function withoutDoubles(windows: readonly Window[]): readonly Window[] {
  const byName = new Map<string, Window>()
  for (const window of windows) {
    const other = byName.get(window.name)
    if (other === undefined || (other.utilization ?? 0) < (window.utilization ?? 0))
      byName.set(window.name, window)
  }
  return [...byName.values()]
}

interface Quota {
  readonly utilization?: number | undefined
  readonly resetsAt?: Millis | undefined
  readonly status?: string | undefined
  readonly remaining?: number | undefined
  readonly unit?: string | undefined
}

/** A quota's window: spent at 100 %, open below, unless the provider has a word of its own. */
export function toWindow(name: string, quota: Quota, readAt: Millis): Window {
  const status = quota.status ?? statusOf(quota.utilization)
  return { name, ...given({ ...quota, utilization: withoutNoise(quota.utilization), status }), readAt }
}

/** What is left of 71 % is 29 %, and not a fraction with sixteen digits. */
const withoutNoise = (utilization: number | undefined): number | undefined =>
  utilization === undefined ? undefined : Math.round(utilization * 1e6) / 1e6

const statusOf = (utilization: number | undefined): string | undefined => {
  if (utilization === undefined) return undefined
  return utilization < 1 ? 'allowed' : 'rejected'
}

interface Balance {
  readonly name?: string
  readonly remaining: number
  readonly unit?: string | undefined
  readonly isUsable: boolean
}

/** What is left of prepaid money. It has no share and no end. */
export const toBalance = (
  { name = 'balance', remaining, unit, isUsable }: Balance,
  readAt: Millis,
): Window => ({
  name,
  remaining,
  ...given({ unit }),
  status: isUsable ? 'allowed' : 'rejected',
  readAt,
})
