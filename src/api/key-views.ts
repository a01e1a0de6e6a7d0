/** Client keys in the API's shapes, with how each of their limits stands. Must not decide what the core decides. */
import { type ClientKey, isExpired } from '../core/access.ts'
import { type Gauge, gaugesOf, isFull, opensAt, resetsAt } from '../core/key-gauge.ts'
import { type KeyUse, usedIn } from '../core/key-use.ts'
import type { Use } from '../core/sliding-use.ts'
import { type Millis, SECOND, toIso } from '../core/time.ts'
import type { Key } from './contract.ts'
import type { Services } from './services.ts'
import { definedOnly } from './views.ts'

export function toKeyView(key: ClientKey, { clock, keyUse }: Pick<Services, 'clock' | 'keyUse'>): Key {
  const { id, name, hint, createdAt, disabledAt, revokedAt, rules } = key
  const { holdMs, expiresAt, allowedModels, groups, endpoints, budgets, ...same } = rules
  const allowed = allowedModels && [...allowedModels]
  const now = clock.now()
  return {
    id,
    name,
    hint,
    state: stateOf(key, now),
    createdAt: toIso(createdAt),
    ...definedOnly({
      disabledAt: isoOf(disabledAt),
      revokedAt: isoOf(revokedAt),
      expiresAt: isoOf(expiresAt),
      ...same,
      hold: holdMs === undefined ? undefined : `${holdMs / SECOND}s`,
      models: rules.models ?? allowed,
      allowedModels: allowed,
      groups: groups && [...groups],
      endpoints: endpoints && [...endpoints],
      budgets: budgets?.map((budget) => ({ ...budget })),
    }),
    use: toUseView(rules, keyUse(id), now),
  }
}

function stateOf(key: ClientKey, now: Millis): Key['state'] {
  if (key.revokedAt !== undefined) return 'revoked'
  if (key.disabledAt !== undefined) return 'disabled'
  return isExpired(key, now) ? 'expired' : 'active'
}

const toUseView = (rules: ClientKey['rules'], use: KeyUse, now: Millis): Key['use'] => ({
  inFlight: use.inFlight,
  today: toUsedView(usedIn(use, 'day', now)),
  month: toUsedView(usedIn(use, 'month', now)),
  limits: gaugesOf(rules, use, now).map((gauge) => toLimitView(gauge, use, now)),
})

const toUsedView = ({ requests, tokens, usd }: Use) => ({ requests, tokens, costUsd: usd })

const toLimitView = (gauge: Gauge, use: KeyUse, now: Millis): Key['use']['limits'][number] => ({
  limit: gauge.limit,
  unit: gauge.unit,
  most: gauge.most,
  used: gauge.used,
  reserved: gauge.reserved,
  isFull: isFull(gauge),
  ...definedOnly({
    period: gauge.period,
    opensAt: isoOf(opensAt(gauge, use, now)),
    resetsAt: isoOf(resetsAt(gauge, use, now)),
  }),
})

const isoOf = (at: Millis | undefined): string | undefined => (at === undefined ? undefined : toIso(at))
