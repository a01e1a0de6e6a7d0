/**
 * Whether the bodies of a request and its answer are kept: what the operator says, for
 * everybody or for one key, and what follows for one request. Pure; must not see a body.
 */
import type { Outcome } from './ledger.ts'

export type PayloadRule =
  | { readonly kind: 'off' | 'headers' | 'errors' | 'all' }
  | { readonly kind: 'sampled'; readonly percent: number }

export const PAYLOAD_WORDS = 'off, headers, errors, all, or a part such as "sampled 5%"'

const SAMPLED = /^sampled (\d{1,3}(?:\.\d{1,4})?) ?%$/

/** "errors", "sampled 5%". Undefined for anything else. */
export function readPayloadRule(text: unknown): PayloadRule | undefined {
  switch (text) {
    case 'off':
    case 'headers':
    case 'errors':
    case 'all':
      return { kind: text }
  }
  const percent = typeof text === 'string' ? Number(SAMPLED.exec(text)?.[1]) : Number.NaN
  return percent > 0 && percent <= 100 ? { kind: 'sampled', percent } : undefined
}

export const isPayloadRule = (text: unknown): text is string => readPayloadRule(text) !== undefined

/** What is to be gathered while the request runs; `errors` can only be told from the others at its end. */
export function gatheredBy(rule: PayloadRule, id: string): 'nothing' | 'headers' | 'bodies' {
  switch (rule.kind) {
    case 'off':
      return 'nothing'
    case 'headers':
      return 'headers'
    case 'errors':
    case 'all':
      return 'bodies'
    case 'sampled':
      return shareOf(id) * 100 < rule.percent ? 'bodies' : 'nothing'
  }
}

/** Whether what was gathered is kept, now that it is known what became of the request. */
export const isKept = (rule: PayloadRule, outcome: Outcome): boolean =>
  rule.kind !== 'errors' || outcome !== 'ok'

const RANDOM_DIGITS = 8

/** The last digits of a request's id are random, so they say of each request the same, and of all evenly. */
const shareOf = (id: string): number => Number.parseInt(id.slice(-RANDOM_DIGITS), 16) / 16 ** RANDOM_DIGITS
