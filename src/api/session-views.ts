/** Sessions in the API's shapes: what they have used, and where they are at home now. */
import type { AccountId } from '../core/account.ts'
import { MISS_CAUSES } from '../core/cache-miss.ts'
import type { SessionAgent, SessionRow } from '../core/ports/session-log.ts'
import type { Binding } from '../core/session.ts'
import { later, type Millis, toIso, toMillis } from '../core/time.ts'
import type { Answer } from './contract.ts'
import type { Services } from './services.ts'
import { definedOnly } from './views.ts'

export type SessionView = Answer<'pinSession'>

export function toSessionView(row: SessionRow, services: SessionServices): SessionView {
  const { sessions, accounts } = services
  const pin = sessions.pinOf(row.session)
  const misses = MISS_CAUSES.filter((cause) => row.misses[cause] > 0)
  return {
    id: row.session,
    startedAt: toIso(row.firstAt),
    usedAt: toIso(row.usedAt),
    ...toHomeView(sessions.bindingOf(row.session, undefined), services),
    ...definedOnly({ pinned: pin && nameOf(pin, accounts.all()), key: row.key }),
    lastAccount: row.account ?? null,
    requests: row.requests,
    inputTokens: row.inputTokens,
    outputTokens: row.outputTokens,
    cacheReadTokens: row.cacheReadTokens,
    cacheWriteTokens: row.cacheWriteTokens,
    costUsd: row.costUsd,
    cache: {
      hits: row.cacheHits,
      misses: misses.reduce((sum, cause) => sum + row.misses[cause], 0),
      lostTokens: row.lostTokens,
      lostUsd: row.lostUsd,
      causes: Object.fromEntries(misses.map((cause) => [cause, row.misses[cause]])),
    },
    agents: groupedByAgent(row.agents).map((uses) => toAgentView(row.session, uses, services)),
  }
}

export type SessionServices = Pick<Services, 'sessions' | 'accounts' | 'clock'>

/** By agent and kind, in the order in which they come: last used first. */
function groupedByAgent(agents: readonly SessionAgent[]): readonly (readonly SessionAgent[])[] {
  const groups = new Map<string, SessionAgent[]>()
  for (const use of agents) {
    const name = JSON.stringify([use.agent, use.kind])
    groups.set(name, [...(groups.get(name) ?? []), use])
  }
  return [...groups.values()]
}

function toAgentView(
  session: string,
  uses: readonly SessionAgent[],
  services: SessionServices,
): SessionView['agents'][number] {
  const sum = (of: (use: SessionAgent) => number): number => uses.reduce((total, use) => total + of(use), 0)
  const { agent, kind } = uses[0] ?? {}
  return {
    agent: agent ?? null,
    kind: kind ?? null,
    ...toHomeView(services.sessions.bindingOf(session, agent), services),
    startedAt: toIso(least(uses.map(({ firstAt }) => firstAt))),
    usedAt: toIso(most(uses.map(({ usedAt }) => usedAt))),
    requests: sum(({ requests }) => requests),
    tokens: sum(({ tokens }) => tokens),
    costUsd: sum(({ costUsd }) => costUsd),
    models: uses.map(({ model, servedModel, requests }) => ({
      model: model ?? null,
      servedModel: servedModel ?? null,
      requests,
    })),
  }
}

const least = (times: readonly Millis[]): Millis => toMillis(Math.min(...times))
const most = (times: readonly Millis[]): Millis => toMillis(Math.max(...times))

function toHomeView(binding: Binding | undefined, { accounts, clock }: SessionServices) {
  if (binding === undefined) return { account: null }
  const { account, spill, cache } = binding
  const cacheUntil = later(cache.touchedAt, cache.lifeMs)
  return {
    account: nameOf(account, accounts.all()) ?? null,
    ...definedOnly({
      spill: spill && nameOf(spill, accounts.all()),
      cacheUntil: cache.tokens > 0 && cacheUntil > clock.now() ? toIso(cacheUntil) : undefined,
    }),
  }
}

/** An account that has been removed is nobody's home. */
const nameOf = (
  id: AccountId,
  accounts: readonly { readonly id: AccountId; readonly name: string }[],
): string | undefined => accounts.find((account) => account.id === id)?.name
