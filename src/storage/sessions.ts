/**
 * Reads sessions, agents and cache misses for the API, always in the worker or on
 * PostgreSQL's own connections, and forgets sessions that are over. Filters are parameters.
 */
import { MISS_CAUSES, type MissCause } from '../core/cache-miss.ts'
import type {
  MissSums,
  SeenAgent,
  SessionAgent,
  SessionFilter,
  SessionLog,
  SessionRow,
} from '../core/ports/session-log.ts'
import { HOUR, type Millis, toMillis } from '../core/time.ts'
import { type Database, numberOf, optionalText, type Row, statement, textOf, type Value } from './database.ts'
import { hourOf, missColumn } from './session-sums.ts'

/** More than these are forgotten, the longest unused first. */
const MOST_SESSIONS = 100_000
const AT_ONCE = 500

export function createSessionLog(database: Database, settled: () => Promise<void>): SessionLog {
  const read: Read = async (text, values) => {
    await settled()
    return database.read(text, values)
  }
  const withAgents = async (rows: readonly Row[]): Promise<readonly SessionRow[]> => {
    if (rows.length === 0) return []
    const places = rows.map((_, index) => `$${index + 1}`).join(', ')
    const agents = await read(
      `select * from session_agents where session in (${places}) order by used_at desc`,
      rows.map((row) => textOf(row, 'session')),
    )
    return rows.map((row) => toSession(row, agents))
  }
  return {
    async list(filter) {
      const { where, values } = conditionOf(filter)
      const limit = `limit $${values.length + 1}`
      const text = `select * from sessions ${where} order by used_at desc, session desc ${limit}`
      return withAgents(await read(text, [...values, filter.limit]))
    },
    async get(session) {
      const [found] = await withAgents(await read('select * from sessions where session = $1', [session]))
      return found
    },
    async seenAgents() {
      const rows = await read(SEEN, [])
      return rows.map(toSeen)
    },
    misses: (since, until) => missesIn(read, since, until),
    forget: (before) => forget(database, read, before),
  }
}

type Read = (text: string, values: readonly Value[]) => Promise<readonly Row[]>

/** Whole hours are summed up already; what lies beside them is read row by row. */
async function missesIn(read: Read, since: Millis, until: Millis): Promise<readonly MissSums[]> {
  const first = Math.ceil(since / HOUR)
  const end = hourOf(until)
  if (first >= end) return addedUp(await read(MISSES, [since, until]))
  const parts = await Promise.all([
    read(MISSES, [since, first * HOUR]),
    read(MISS_HOURS, [first, end]),
    read(MISSES, [end * HOUR, until]),
  ])
  return addedUp(parts.flat())
}

async function forget(database: Database, read: Read, before: Millis): Promise<number> {
  const [last] = await read(
    `select used_at from sessions order by used_at desc limit 1 offset ${MOST_SESSIONS}`,
    [],
  )
  const surplus = last === undefined ? before : Math.max(before, numberOf(last, 'used_at'))
  const old = `select session from sessions where used_at < $1 order by used_at, session limit ${AT_ONCE}`
  const [, forgotten = 0] = await database.commit(
    [
      statement(`delete from session_agents where session in (${old})`, surplus),
      statement(`delete from sessions where session in (${old})`, surplus),
      statement('delete from agent_totals where used_at < $1', before),
      statement('delete from cache_miss_hours where hour < $1', hourOf(before)),
      statement(FORGET_KINDS),
    ],
    'normal',
  )
  return forgotten
}

const HAS_KIND =
  'exists (select 1 from session_agents own where own.session = sessions.session and own.kind = ?)'

function conditionOf({ since, accountId, account, keyId, key, agent, before }: SessionFilter): {
  readonly where: string
  readonly values: readonly Value[]
} {
  const parts: readonly (readonly [condition: string, ...values: (Value | undefined)[]])[] = [
    ['used_at >= ?', since],
    ['account_id = ?', accountId],
    ['account = ?', account],
    ['key_id = ?', keyId],
    ['key_name = ?', key],
    [`(${HAS_KIND} or session in (select session from session_agents where agent = ?))`, agent, agent],
    ['(used_at < ? or (used_at = ? and session < ?))', before?.usedAt, before?.usedAt, before?.session],
  ]
  const values: Value[] = []
  const conditions = parts.flatMap(([condition, ...given]) => {
    const known = given.filter((value) => value !== undefined)
    if (known.length < given.length) return []
    return [condition.replaceAll('?', () => `$${values.push(known.shift() ?? null)}`)]
  })
  return { where: conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`, values }
}

/** Clients can make names up: of their kinds only so many are kept. */
const MOST_KINDS = 2_000
const SEEN = `select * from agent_totals order by kind, requests desc, model limit ${MOST_KINDS}`
const FORGET_KINDS = `delete from agent_totals where used_at < (
  select used_at from agent_totals order by used_at desc limit 1 offset ${MOST_KINDS})`

/** Which message it was differs from miss to miss; that it was one is what sums are about. */
const PART = "case when cache_part like 'message %' then 'message' else cache_part end"

const MISSES = `select cache_cause as cause, ${PART} as part, count(*) as misses,
    sum(cache_lost_tokens) as tokens, sum(cache_lost_usd) as usd
  from requests where cache_cause is not null and started_at >= $1 and started_at < $2
  group by cache_cause, ${PART}`

const MISS_HOURS = `select cause, part, sum(misses) as misses, sum(tokens) as tokens, sum(usd) as usd
  from cache_miss_hours where hour >= $1 and hour < $2 group by cause, part`

const causeOf = (text: string): MissCause | undefined => MISS_CAUSES.find((cause) => cause === text)

/** By cause and part, the dearest first. */
function addedUp(rows: readonly Row[]): readonly MissSums[] {
  const sums = new Map<string, MissSums>()
  for (const row of rows) {
    const cause = causeOf(textOf(row, 'cause'))
    if (cause === undefined) continue
    const part = filledText(row, 'part')
    const name = `${cause} ${part}`
    const { misses, tokens, usd } = sums.get(name) ?? { misses: 0, tokens: 0, usd: 0 }
    sums.set(name, {
      cause,
      part,
      misses: misses + numberOf(row, 'misses'),
      tokens: tokens + numberOf(row, 'tokens'),
      usd: usd + numberOf(row, 'usd'),
    })
  }
  return [...sums.values()].sort((a, b) => b.tokens - a.tokens)
}

const toSession = (row: Row, agents: readonly Row[]): SessionRow => ({
  session: textOf(row, 'session'),
  firstAt: toMillis(numberOf(row, 'first_at')),
  usedAt: toMillis(numberOf(row, 'used_at')),
  accountId: optionalText(row, 'account_id'),
  account: optionalText(row, 'account'),
  key: optionalText(row, 'key_name'),
  requests: numberOf(row, 'requests'),
  inputTokens: numberOf(row, 'input_tokens'),
  outputTokens: numberOf(row, 'output_tokens'),
  cacheReadTokens: numberOf(row, 'cache_read_tokens'),
  cacheWriteTokens: numberOf(row, 'cache_write_tokens'),
  costUsd: numberOf(row, 'cost_usd'),
  cacheHits: numberOf(row, 'cache_hits'),
  misses: Object.fromEntries(MISS_CAUSES.map((cause) => [cause, numberOf(row, missColumn(cause))])) as Record<
    MissCause,
    number
  >,
  lostTokens: numberOf(row, 'lost_tokens'),
  lostUsd: numberOf(row, 'lost_usd'),
  agents: agents.filter((each) => each.session === row.session).map(toAgent),
})

const toAgent = (row: Row): SessionAgent => ({
  agent: filledText(row, 'agent'),
  kind: filledText(row, 'kind'),
  ...toUse(row),
})

const toSeen = (row: Row): SeenAgent => ({ kind: textOf(row, 'kind'), ...toUse(row) })

const toUse = (row: Row): Omit<SessionAgent, 'agent' | 'kind'> => ({
  model: filledText(row, 'model'),
  servedModel: filledText(row, 'served_model'),
  firstAt: toMillis(numberOf(row, 'first_at')),
  usedAt: toMillis(numberOf(row, 'used_at')),
  requests: numberOf(row, 'requests'),
  tokens: numberOf(row, 'tokens'),
  costUsd: numberOf(row, 'cost_usd'),
})

/** In a primary key there is no null. */
const filledText = (row: Row, column: string): string | undefined => textOf(row, column) || undefined
