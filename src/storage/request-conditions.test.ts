/** Searches in the ledger: each finds its way by an index, on SQLite as it plans it. What they find is in requests.test.ts. */
import { Database as Sqlite } from 'bun:sqlite'
import { describe, expect, it } from 'bun:test'
import { NOON, rowIdOf } from '../../test/support/samples.ts'
import type { RequestFilter } from '../core/ports/request-log.ts'
import { MIGRATIONS } from './migrations.ts'
import { toSearch } from './request-conditions.ts'

const database = new Sqlite(':memory:')
for (const { statements } of MIGRATIONS) for (const text of statements) database.run(text)

function planOf(filter: Partial<RequestFilter>): readonly string[] {
  const { text, values } = toSearch({ limit: 50, ...filter })
  const rows = database
    .query<{ detail: string }, (string | number | null)[]>(`explain query plan ${text}`)
    .all(...values)
  return rows.map(({ detail }) => detail).filter((detail) => detail.includes(' requests '))
}

describe('a search in the ledger', () => {
  it.each<[string, Partial<RequestFilter>, readonly string[]]>([
    ['an account', { account: 'a' }, ['requests_by_account', 'requests_by_account_name']],
    ['a model', { model: 'm' }, ['requests_by_model', 'requests_by_served_model']],
    ['a status', { status: 529 }, ['requests_by_status']],
    ['an outcome', { outcome: 'aborted' }, ['requests_by_outcome']],
    ['a key', { key: 'k' }, ['requests_by_key', 'requests_by_key_name']],
    ['a session', { session: 's' }, ['requests_by_session']],
    ['an agent', { agent: 'a' }, ['requests_by_agent']],
  ])(
    'by %s goes by its index, newest first, page after page and between two moments',
    (_what, filter, indexes) => {
      for (const more of [{}, { before: rowIdOf(1) }, { since: NOON, until: NOON }]) {
        const plan = planOf({ ...filter, ...more })
        for (const index of indexes)
          expect(plan.join('\n')).toMatch(new RegExp(`USING (COVERING )?INDEX ${index} \\(`))
        expect(plan.filter((line) => line.startsWith('SCAN'))).toEqual([])
      }
    },
  )

  it.each<[string, Partial<RequestFilter>]>([
    ['nothing', {}],
    ['the status that nearly all have', { status: 200 }],
    ['the outcome that nearly all have', { outcome: 'ok' }],
  ])('by %s looks at the newest rows', (_what, filter) => {
    expect(planOf(filter).join('\n')).toMatch(
      /SCAN requests USING (COVERING )?INDEX sqlite_autoindex_requests_1/,
    )
  })

  it.each<[string, Partial<RequestFilter>]>([
    ['since', { since: NOON }],
    ['until', { until: NOON }],
    ['since and until', { since: NOON, until: NOON }],
  ])('by %s goes through the ids between its bounds, which the index on times tells', (_what, filter) => {
    const plan = planOf(filter)
    expect(plan.join('\n')).toMatch(
      /SEARCH requests USING (COVERING )?INDEX sqlite_autoindex_requests_1 \(id[<>]/,
    )
    expect(plan.filter((line) => line.startsWith('SCAN'))).toEqual([])
  })
})
