/**
 * A filter of the ledger as SQL that finds its way by an index, whatever it is: each
 * alternative ("so named, or with that id") is a search of its own, newest first, and moments
 * become bounds of ids. Must not run anything.
 */
import type { RequestFilter } from '../core/ports/request-log.ts'
import type { Statement, Value } from './database.ts'

/** Written as the indexes of 0005-request-filters.ts are, or they are of no use. */
const ALTERNATIVES = {
  account: ['account_id = ?', 'account = ?'],
  key: ['key_id = ?', 'key_name = ?'],
  model: ['model = ?', "served_model = ? and served_model <> coalesce(model, '')"],
  session: ['session = ?'],
  agent: ['agent = ?'],
  status: ['status = ?'],
  outcome: ['outcome = ?'],
} as const satisfies Partial<Readonly<Record<keyof RequestFilter, readonly string[]>>>

/** What nearly every row has is no matter for an index: one looks at the newest rows. */
const COMMON: Readonly<Record<string, Value>> = { status: 200, outcome: 'ok' }
const RARE: Readonly<Record<string, string>> = {
  status: 'status = ? and status <> 200',
  outcome: "outcome = ? and outcome <> 'ok'",
}

/**
 * Ids sort by the time at which they were made, which is when the request began but for some
 * milliseconds: rows that began within this of each other may be in either order.
 */
const DISORDER_MS = 5_000

/** Not before the first row that began then; `+` keeps the index on times for finding the bound alone. */
export const SINCE = `id >= (select min(id) from requests where started_at <= ${DISORDER_MS} +
    (select min(started_at) from requests where started_at >= ?) and started_at >= ?)
  and +started_at >= ?`
export const UNTIL = `id <= (select max(id) from requests where started_at >= -${DISORDER_MS} +
    (select max(started_at) from requests where started_at < ?) and started_at < ?)
  and +started_at < ?`

/** The rows that a filter describes, newest first. */
export function toSearch(filter: RequestFilter): Statement {
  const values: Value[] = []
  const bind = (condition: string, value: Value): string => {
    values.push(value)
    return condition.replaceAll('?', `$${values.length}`)
  }
  const choices = Object.entries(ALTERNATIVES).flatMap(([name, alternatives]) => {
    const value = filter[name as keyof typeof ALTERNATIVES]
    if (value === undefined) return []
    const rare = RARE[name]
    const conditions = rare === undefined || value === COMMON[name] ? alternatives : [rare]
    values.push(value)
    return [conditions.map((condition) => condition.replaceAll('?', `$${values.length}`))]
  })
  const common = boundsOf(filter).map(([condition, value]) => bind(condition, value))
  values.push(filter.limit)
  const limit = `order by id desc limit $${values.length}`
  const searches = combinations(choices).map((conditions) => {
    const all = [...conditions, ...common]
    return `select id from requests ${all.length === 0 ? '' : `where ${all.join(' and ')}`} ${limit}`
  })
  return { text: textOf(searches, limit), values }
}

/** Several searches may find the same row. */
const textOf = (searches: readonly string[], limit: string): string => `select * from requests where id in (
  ${searches.map((search, index) => `select id from (${search}) search_${index}`).join('\n  union ')}
) ${limit}`

const boundsOf = ({ since, until, before }: RequestFilter): readonly (readonly [string, Value])[] => [
  ...(since === undefined ? [] : [[SINCE, since] as const]),
  ...(until === undefined ? [] : [[UNTIL, until] as const]),
  ...(before === undefined ? [] : [['id < ?', before] as const]),
]

/** One of each, in every way. */
function combinations(choices: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return choices.reduce<readonly (readonly string[])[]>(
    (found, choice) => found.flatMap((each) => choice.map((condition) => [...each, condition])),
    [[]],
  )
}
