/**
 * Running sums that go with the ledger's rows, as statements for the same commit: by session,
 * by agent and model within it, by kind of agent, and misses of caches by the hour. Rows
 * without a session, such as another gateway's history, belong to none.
 */
import { MISS_CAUSES, type MissCause } from '../core/cache-miss.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { HOUR } from '../core/time.ts'
import { promptTokensOf } from '../core/usage.ts'
import { type Statement, statement, type Value } from './database.ts'

const COLUMN_OF: Readonly<Record<MissCause, string>> = {
  'another-account': 'missed_account',
  expired: 'missed_expired',
  'changed-prefix': 'missed_prefix',
  'model-changed': 'missed_model',
  unknown: 'missed_unknown',
}
export const missColumn = (cause: MissCause): string => COLUMN_OF[cause]

interface Table {
  readonly name: string
  readonly keys: readonly string[]
  /** The first and the last use, where they are kept. */
  readonly times: readonly string[]
  /** What the last row said. */
  readonly latest: readonly string[]
  readonly sums: readonly string[]
}

const TIMES = ['first_at', 'used_at']
const USE_SUMS = ['requests', 'tokens', 'cost_usd']
const SESSIONS: Table = {
  name: 'sessions',
  keys: ['session'],
  times: TIMES,
  latest: ['account_id', 'account', 'key_id', 'key_name'],
  sums: [
    ...['requests', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cost_usd'],
    ...['cache_hits', ...MISS_CAUSES.map(missColumn), 'lost_tokens', 'lost_usd'],
  ],
}
const AGENTS: Table = {
  name: 'session_agents',
  keys: ['session', 'agent', 'kind', 'model', 'served_model'],
  times: TIMES,
  latest: [],
  sums: USE_SUMS,
}
const KINDS: Table = {
  name: 'agent_totals',
  keys: ['kind', 'model', 'served_model'],
  times: TIMES,
  latest: [],
  sums: USE_SUMS,
}
const MISSES: Table = {
  name: 'cache_miss_hours',
  keys: ['hour', 'cause', 'part'],
  times: [],
  latest: [],
  sums: ['misses', 'tokens', 'usd'],
}

function upsertInto({ name, keys, times, latest, sums }: Table): string {
  const columns = [...keys, ...times, ...latest, ...sums]
  const chosen = (column: string, sign: string): string =>
    `${column} = case when excluded.${column} ${sign} ${name}.${column} then excluded.${column} else ${name}.${column} end`
  const changes = [
    ...times.map((column, index) => chosen(column, index === 0 ? '<' : '>')),
    ...latest.map((column) => `${column} = coalesce(excluded.${column}, ${name}.${column})`),
    ...sums.map((column) => `${column} = ${name}.${column} + excluded.${column}`),
  ]
  const places = columns.map((_, index) => `$${index + 1}`)
  return `insert into ${name} (${columns.join(', ')}) values (${places.join(', ')})
  on conflict (${keys.join(', ')}) do update set ${changes.join(', ')}`
}

/** What has come together for one row of a table. */
interface Group {
  readonly keys: readonly Value[]
  first: number
  last: number
  readonly latest: Value[]
  readonly sums: number[]
}

interface Part {
  readonly keys: readonly Value[]
  readonly at: number
  readonly latest: readonly Value[]
  readonly sums: readonly number[]
}

interface Gathering {
  add(part: Part): void
  statements(): readonly Statement[]
}

function gatherInto(table: Table, text: string): Gathering {
  const groups = new Map<string, Group>()
  return {
    add({ keys, at, latest, sums }) {
      const name = keys.join('\n')
      const group = groups.get(name)
      if (group === undefined) {
        groups.set(name, { keys, first: at, last: at, latest: [...latest], sums: [...sums] })
        return
      }
      group.first = Math.min(group.first, at)
      group.last = Math.max(group.last, at)
      for (const [index, value] of latest.entries()) if (value !== null) group.latest[index] = value
      for (const [index, sum] of sums.entries()) group.sums[index] = (group.sums[index] ?? 0) + sum
    },
    statements: () =>
      [...groups.values()].map(({ keys, first, last, latest, sums }) =>
        statement(text, ...keys, ...(table.times.length === 0 ? [] : [first, last]), ...latest, ...sums),
      ),
  }
}

const ADD = [SESSIONS, AGENTS, KINDS, MISSES].map((table) => ({ table, text: upsertInto(table) }))

export function sessionSumsOf(rows: readonly LedgerRow[]): readonly Statement[] {
  const gatherings = ADD.map(({ table, text }) => gatherInto(table, text))
  const [sessions, agents, kinds, misses] = gatherings
  for (const row of rows) {
    const { startedAt: at, cache } = row
    if (cache?.kind === 'miss') misses?.add({ ...NO_USE, ...missOf(row, cache) })
    if (row.session === undefined) continue
    const { keys, sums } = useOf(row)
    sessions?.add(sessionPart(row))
    agents?.add({ keys, at, latest: [], sums })
    if (keys[2] !== '') kinds?.add({ keys: keys.slice(2), at, latest: [], sums })
  }
  return gatherings.flatMap((gathering) => gathering.statements())
}

const NO_USE = { at: 0, latest: [] }

/** Which message it was differs from miss to miss; that it was one is what sums are about. */
function missOf(
  { startedAt }: LedgerRow,
  { cause, part = '', tokens, usd = 0 }: Extract<LedgerRow['cache'], { kind: 'miss' }>,
): Pick<Part, 'keys' | 'sums'> {
  const kind = part.startsWith('message ') ? 'message' : part
  return { keys: [hourOf(startedAt), cause, kind], sums: [1, tokens, usd] }
}

export const hourOf = (at: number): number => Math.floor(at / HOUR)

/** Clients choose these texts. */
const LONGEST_NAME = 200

function useOf(row: LedgerRow): { readonly keys: readonly string[]; readonly sums: readonly number[] } {
  const { session = '', agent = '', agentKind = '', model = '', servedModel = '', usage, costUsd = 0 } = row
  const keys = [session, agent, agentKind, model, servedModel].map((text) => text.slice(0, LONGEST_NAME))
  return { keys, sums: [1, promptTokensOf(usage) + usage.outputTokens, costUsd] }
}

function sessionPart({ session = '', startedAt, usage, cache, costUsd = 0, ...row }: LedgerRow): Part {
  const miss = cache?.kind === 'miss' ? cache : undefined
  return {
    keys: [session],
    at: startedAt,
    latest: [row.accountId ?? null, row.account ?? null, row.keyId ?? null, row.key ?? null],
    sums: [
      ...[1, usage.inputTokens, usage.outputTokens, usage.cacheReadTokens],
      ...[usage.cacheWrite5mTokens + usage.cacheWrite1hTokens, costUsd, cache?.kind === 'hit' ? 1 : 0],
      ...MISS_CAUSES.map((cause) => (miss?.cause === cause ? 1 : 0)),
      ...[miss?.tokens ?? 0, miss?.usd ?? 0],
    ],
  }
}
