/**
 * Reads the operator's last days through the API, page by page: accounts, ledger, readings of
 * windows, settings. What they become is simulation/from-ledger.ts. Writes nothing.
 */
import type { Client } from '../api/client.ts'
import type { Account, LedgerRequest as Row } from '../api/contract.ts'
import type { SimulationResult } from '../cli/simulation.ts'
import { isRequestClass } from '../core/rules.ts'
import { DAY, later, type Millis, readDate, toIso, toMillis } from '../core/time.ts'
import { actualOf } from '../simulation/actual.ts'
import type { LedgerReading } from '../simulation/estimate.ts'
import { type LedgerAccount, type LedgerRequest, traceFromLedger } from '../simulation/from-ledger.ts'
import type { Trace } from '../simulation/trace.ts'
import { type SimulatedRules, toSimulatedRules } from './simulated-rules.ts'

export interface ReadTrace {
  readonly trace: Trace
  readonly rules: SimulatedRules
  readonly actual: SimulationResult
  readonly inForce: string
  readonly notes: readonly string[]
}

export async function readLedgerTrace(client: Client, days: number): Promise<ReadTrace> {
  const endsAt = toMillis(Date.now())
  const startsAt = later(endsAt, -days * DAY)
  const { accounts } = await client.listAccounts()
  const { settings } = await client.showConfig()
  const rows = await readRows(client, startsAt)
  const readings = await readReadings(client, startsAt)
  const requests = rows.filter(isConversation).map(toRequest)
  const history = { startsAt, endsAt, requests, readings, accounts: accounts.filter(isUsed).map(toAccount) }
  const { trace, notes } = traceFromLedger(history)
  const { rewrittenTokens: cacheRewriteTokens, ...actual } = actualOf(requests)
  const values = new Map(settings.map(({ name, value }) => [name, value]))
  return {
    trace,
    rules: toSimulatedRules(values),
    actual: { ...actual, cacheRewriteTokens },
    inForce: String(values.get('strategy')),
    notes: [...absences(rows, accounts), ...notes],
  }
}

/** A paused account takes nothing, in the simulation either. */
const isUsed = ({ state }: Account): boolean => state.kind !== 'paused'

function absences(rows: readonly Row[], accounts: readonly Account[]): readonly string[] {
  const names = new Set(accounts.map(({ name }) => name))
  const gone = new Set(
    rows.flatMap(({ account }) => (account === null || names.has(account) ? [] : [account])),
  )
  const paused = accounts.filter((account) => !isUsed(account)).map(({ name }) => name)
  return [
    ...(gone.size > 0 ? [`No longer here, and not simulated: ${[...gone].join(', ')}.`] : []),
    ...(paused.length > 0 ? [`Paused, and not simulated: ${paused.join(', ')}.`] : []),
    'Faults of those days are not replayed: every account answers, within its windows.',
  ]
}

const PAGE = 1_000

/** Oldest first. */
async function readRows(client: Client, since: Millis): Promise<readonly Row[]> {
  const rows: Row[] = []
  let cursor: string | undefined
  do {
    const query = { limit: PAGE, since: toIso(since), ...(cursor === undefined ? {} : { cursor }) }
    const page = await client.listRequests({ query })
    rows.push(...page.requests)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return rows.reverse()
}

const READINGS_PAGE = 20_000

/** Oldest first; the next page begins with the last one's last moment, which may have been cut in two. */
async function readReadings(client: Client, from: Millis): Promise<readonly LedgerReading[]> {
  const found = new Map<string, LedgerReading>()
  let since = from
  for (;;) {
    const { readings, isWhole } = await client.usageHistory({
      query: { since: toIso(since), limit: READINGS_PAGE },
    })
    for (const { account, window, at, utilization, resetsAt } of readings) {
      const moment = momentOf(at)
      const reading = {
        account,
        window,
        at: moment,
        utilization: utilization ?? undefined,
        resetsAt: resetsAt === null ? undefined : momentOf(resetsAt),
      }
      found.set(`${account} ${window} ${at}`, reading)
    }
    const last = readings.at(-1)
    if (isWhole || last === undefined || momentOf(last.at) === since) return [...found.values()]
    since = momentOf(last.at)
  }
}

const momentOf = (iso: string): Millis => readDate(iso) ?? toMillis(0)

const isConversation = ({ path, model }: Row): boolean => model !== null && path.endsWith('/v1/messages')

function toRequest(row: Row): LedgerRequest {
  const { session, agent, decision, outcome, durationMs, cacheReadTokens: readTokens, outputTokens } = row
  const written = row.cacheWrite5mTokens + row.cacheWrite1hTokens
  return {
    startedAt: momentOf(row.startedAt),
    conversation: session === undefined ? undefined : `${session}/${agent ?? ''}`,
    model: decision.wanted ?? row.model ?? '',
    class: isRequestClass(decision.class) ? decision.class : 'interactive',
    account: row.account ?? undefined,
    outcome,
    durationMs,
    promptTokens: row.inputTokens + readTokens + written,
    readTokens,
    isLongCache: row.cacheWrite1hTokens > 0,
    outputTokens,
    costUsd: row.costUsd ?? undefined,
  }
}

function toAccount({ name, priority, weight, tier, groups, windows, ...account }: Account): LedgerAccount {
  const { models, maxConcurrent, organization } = account
  return {
    name,
    priority,
    weight,
    tier,
    groups,
    windows: windows.map((window) => window.name),
    modelMap: Object.fromEntries(Object.entries(account.modelMap).map(([from, to]) => [from, [to].flat()])),
    ...(models === undefined ? {} : { models }),
    ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
    ...(organization === undefined ? {} : { organization }),
  }
}
