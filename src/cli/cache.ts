/** A request's prompt cache for people: found, new, or missed and why. */
import type { LedgerRequest } from '../api/contract.ts'
import { usd } from './format.ts'

type Cache = NonNullable<LedgerRequest['cache']>

export function showCache(cache: LedgerRequest['cache']): string {
  if (cache === undefined) return ''
  if (cache.verdict === 'first') return 'new'
  if (cache.verdict === 'hit') return 'hit'
  const price = cache.usd === undefined ? '' : `, ${usd(cache.usd)}`
  return `missed: ${reasonOf(cache)} (${(cache.tokens ?? 0).toLocaleString('en-US')} tokens${price})`
}

function reasonOf({ cause = 'unknown', part }: Cache): string {
  switch (cause) {
    case 'another-account':
      return 'it went to another account'
    case 'expired':
      return 'it had ended'
    case 'changed-prefix':
      return `the prompt had changed at its ${part ?? 'beginning'}`
    case 'model-changed':
      return 'another model was asked'
    case 'unknown':
      return 'nobody knows why'
  }
}
