/** The core's values in the API's shapes. Must not decide anything that the core decides. */
import type { Account } from '../core/account.ts'
import { withoutCredentials } from '../core/egress-proxy.ts'
import { type Cooldown, scopeKey } from '../core/health.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { asOf, type Window } from '../core/limits.ts'
import { readNetwork } from '../core/network.ts'
import type { Totals } from '../core/ports/stores.ts'
import type { Standing } from '../core/standing.ts'
import { type AccountState, stateOf } from '../core/state.ts'
import { type Millis, toIso } from '../core/time.ts'
import type { Account as AccountView, LedgerRequest } from './contract.ts'
import type { Services } from './services.ts'

const NO_TOTALS: Totals = { requests: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 }

export function toAccountView(
  account: Account,
  services: Pick<Services, 'live' | 'secrets' | 'clock'>,
  totals: Totals = NO_TOTALS,
): AccountView {
  const now = services.clock.now()
  const live = services.live.of(account.id)
  const { id, name, provider, baseUrl, priority, weight, tier, groups, planOnly } = account
  const { modelMap, models, maxConcurrent } = account
  return {
    id,
    name,
    provider,
    ...definedOnly({ baseUrl }),
    priority,
    weight,
    tier,
    groups: [...groups],
    modelMap: toModelMapView(modelMap),
    ...definedOnly({ models: models === undefined ? undefined : [...models], maxConcurrent }),
    planOnly,
    ...toNetworkView(account, services),
    createdAt: toIso(account.createdAt),
    state: toStateView(stateOf(account, live.health, now)),
    cooldowns: live.health.cooldowns.filter(({ until }) => until > now).map(toCooldownView),
    windows: live.windows.map((window) => toWindowView(asOf(window, now))),
    ...toStandingView(live.standing),
    ...definedOnly({ tokenExpiresAt: isoOf(account.tokenExpiresAt) }),
    ...(live.session === undefined
      ? {}
      : { session: { startedAt: toIso(live.session.startedAt), requests: live.session.requests } }),
    inFlight: live.inFlight,
    totals: { ...totals },
  }
}

/** Most entries have one name, and are shown as it. */
export const toModelMapView = (modelMap: Account['modelMap']): Record<string, string | string[]> =>
  Object.fromEntries([...modelMap].map(([from, to]) => [from, to.length === 1 ? (to[0] ?? '') : [...to]]))

const isoOf = (at: Millis | undefined): string | undefined => (at === undefined ? undefined : toIso(at))

export const definedOnly = <T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>
  }

const toStateView = ({ kind, since, until, reason, remedy }: AccountState): AccountView['state'] => ({
  kind,
  ...definedOnly({ reason, since: isoOf(since), until: isoOf(until), remedy }),
})

function toStandingView({ status, overage, loginMode: _, ...whose }: Standing) {
  return {
    ...definedOnly({ providerStatus: status, ...whose }),
    ...(overage === undefined
      ? {}
      : {
          overage: {
            ...definedOnly({ ...overage, resetsAt: isoOf(overage.resetsAt) }),
            inUse: overage.inUse,
          },
        }),
  }
}

/** What of an account's way out can be shown: no credential of a proxy, no value of a header. */
function toNetworkView({ id, network }: Account, { secrets }: Pick<Services, 'secrets'>) {
  if (network === undefined) return { headers: [] }
  try {
    const { proxy, headers = {} } = readNetwork(secrets.open('account-network', id, network))
    return {
      ...definedOnly({ proxy: proxy === undefined ? undefined : withoutCredentials(proxy) }),
      headers: Object.keys(headers),
    }
  } catch {
    return { proxy: '(cannot be opened)', headers: [] }
  }
}

const toCooldownView = ({
  scope,
  cause,
  evidence,
  since,
  until,
}: Cooldown): AccountView['cooldowns'][number] => ({
  scope: scopeKey(scope),
  cause,
  evidence,
  since: toIso(since),
  until: toIso(until),
})

const toWindowView = (window: Window): AccountView['windows'][number] => ({
  name: window.name,
  utilization: window.utilization ?? null,
  resetsAt: isoOf(window.resetsAt) ?? null,
  status: window.status ?? null,
  ...definedOnly({ remaining: window.remaining, unit: window.unit }),
  readAt: toIso(window.readAt),
})

export function toRequestView(row: LedgerRow): LedgerRequest {
  const { usage, decision } = row
  return {
    id: row.id,
    startedAt: toIso(row.startedAt),
    method: row.method,
    path: row.path,
    dialect: row.dialect,
    provider: row.provider ?? null,
    account: row.account ?? null,
    ...(row.key === undefined ? {} : { key: row.key }),
    ...(row.session === undefined ? {} : { session: row.session }),
    ...(row.agent === undefined ? {} : { agent: row.agent }),
    model: row.model ?? null,
    servedModel: row.servedModel ?? null,
    stream: row.stream,
    status: row.status,
    outcome: row.outcome,
    attempts: [...row.attempts],
    decision: toDecisionView(decision),
    ...(row.ttftMs === undefined ? {} : { ttftMs: row.ttftMs }),
    durationMs: row.durationMs,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    cacheReadTokens: usage.cacheReadTokens,
    cacheWrite5mTokens: usage.cacheWrite5mTokens,
    cacheWrite1hTokens: usage.cacheWrite1hTokens,
    usageComplete: usage.complete,
    costUsd: row.costUsd ?? null,
    ...definedOnly({ error: row.error, agentKind: row.agentKind, cache: toCacheView(row.cache) }),
  }
}

function toCacheView(cache: LedgerRow['cache']): LedgerRequest['cache'] {
  if (cache === undefined) return undefined
  const { kind: verdict, ...miss } = cache
  return { verdict, ...miss }
}

export const toDecisionView = (decision: LedgerRow['decision']): LedgerRequest['decision'] => ({
  ...decision,
  candidates: decision.candidates.map(toCandidateView),
})

const toCandidateView = ({ until, ...candidate }: LedgerRow['decision']['candidates'][number]) => ({
  ...candidate,
  ...(until === undefined ? {} : { until: toIso(until) }),
})
