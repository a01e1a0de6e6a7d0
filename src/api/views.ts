/** The core's values in the API's shapes. Must not decide anything that the core decides. */
import type { ClientKey } from '../core/access.ts'
import type { Account } from '../core/account.ts'
import { type Cooldown, scopeKey } from '../core/health.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Window } from '../core/limits.ts'
import type { Totals } from '../core/ports/stores.ts'
import { stateOf } from '../core/state.ts'
import { type Millis, toIso } from '../core/time.ts'
import type { Account as AccountView, Key as KeyView, LedgerRequest } from './contract.ts'
import type { LiveAccount } from './services.ts'

const NO_TOTALS: Totals = { requests: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 }

export function toAccountView(
  account: Account,
  live: LiveAccount,
  totals: Totals = NO_TOTALS,
  now: Millis,
): AccountView {
  const { id, name, provider, baseUrl, priority, weight, tier, groups, modelMap, createdAt } = account
  const { kind, reason, since, until } = stateOf(account, live.health, now)
  return {
    id,
    name,
    provider,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    priority,
    weight,
    tier,
    groups: [...groups],
    modelMap: Object.fromEntries(modelMap),
    createdAt: toIso(createdAt),
    state: {
      kind,
      ...(reason === undefined ? {} : { reason }),
      ...(since === undefined ? {} : { since: toIso(since) }),
      ...(until === undefined ? {} : { until: toIso(until) }),
    },
    cooldowns: live.health.cooldowns.filter(({ until: end }) => end > now).map(toCooldownView),
    windows: live.windows.map(toWindowView),
    ...(live.session === undefined
      ? {}
      : { session: { startedAt: toIso(live.session.startedAt), requests: live.session.requests } }),
    inFlight: live.inFlight,
    totals: { ...totals },
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

const toWindowView = ({ name, utilization, resetsAt, status }: Window): AccountView['windows'][number] => ({
  name,
  utilization: utilization ?? null,
  resetsAt: resetsAt === undefined ? null : toIso(resetsAt),
  status: status ?? null,
})

export function toKeyView({ id, name, hint, createdAt, disabledAt, revokedAt }: ClientKey): KeyView {
  const unrevoked = disabledAt === undefined ? 'active' : 'disabled'
  return {
    id,
    name,
    hint,
    state: revokedAt === undefined ? unrevoked : 'revoked',
    createdAt: toIso(createdAt),
    ...(disabledAt === undefined ? {} : { disabledAt: toIso(disabledAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: toIso(revokedAt) }),
  }
}

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
    decision: { ...decision, candidates: decision.candidates.map(toCandidateView) },
    ...(row.ttftMs === undefined ? {} : { ttftMs: row.ttftMs }),
    durationMs: row.durationMs,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    cacheReadTokens: usage.cacheReadTokens,
    cacheWrite5mTokens: usage.cacheWrite5mTokens,
    cacheWrite1hTokens: usage.cacheWrite1hTokens,
    usageComplete: usage.complete,
    costUsd: row.costUsd ?? null,
    ...(row.error === undefined ? {} : { error: row.error }),
  }
}

const toCandidateView = ({ until, ...candidate }: LedgerRow['decision']['candidates'][number]) => ({
  ...candidate,
  ...(until === undefined ? {} : { until: toIso(until) }),
})
