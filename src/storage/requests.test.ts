/** The ledger as it is read: every filter alone and together, page after page, sums. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { databases } from '../../test/support/databases.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { idOf, NOON, rowIdOf, sampleAccount, sampleRow } from '../../test/support/samples.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { RequestFilter, RequestLog } from '../core/ports/request-log.ts'
import { toMillis } from '../core/time.ts'
import { NO_USAGE } from '../core/usage.ts'
import { openAccounts } from './accounts.ts'
import { createRequestLog } from './requests.ts'

const at = (number: number) => toMillis(NOON + number)

/** Six rows that differ in everything that can be asked for. */
const ROWS: readonly LedgerRow[] = [
  sampleRow(1, { key: 'laptop', keyId: 'key-1', session: 'talk-1' }),
  sampleRow(2, { key: 'laptop', keyId: 'key-1', session: 'talk-2', model: 'opus', servedModel: 'glm' }),
  sampleRow(3, { account: 'b', accountId: idOf('b'), status: 529, outcome: 'upstream-error' }),
  sampleRow(4, { account: 'b', accountId: idOf('b'), key: 'ci', keyId: 'key-2', session: 'talk-1' }),
  sampleRow(5, {
    account: undefined,
    accountId: undefined,
    status: 0,
    outcome: 'aborted',
    costUsd: undefined,
  }),
  sampleRow(6, { model: 'glm', servedModel: 'glm', costUsd: undefined, status: 200, outcome: 'truncated' }),
]

describe.each(await databases())('the request log on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  async function logOf(rows: readonly LedgerRow[]): Promise<RequestLog> {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    for (const row of rows) ledger.append(row)
    return createRequestLog(database, ledger)
  }

  it.each<[string, Partial<RequestFilter>, readonly number[]]>([
    ['nothing', {}, [6, 5, 4, 3, 2, 1]],
    ['an account by its name', { account: 'b' }, [4, 3]],
    ['an account by its id', { account: idOf('a') }, [6, 2, 1]],
    ['a model as it was asked for', { model: 'opus' }, [2]],
    ['a model as it was asked for or served', { model: 'glm' }, [6, 2]],
    ['a status', { status: 529 }, [3]],
    ['the status of whoever left before an answer', { status: 0 }, [5]],
    ['an outcome', { outcome: 'truncated' }, [6]],
    ['a key by its name', { key: 'laptop' }, [2, 1]],
    ['a key by its id', { key: 'key-2' }, [4]],
    ['a session', { session: 'talk-1' }, [4, 1]],
    ['a beginning, which counts', { since: at(3) }, [6, 5, 4, 3]],
    ['an end, which does not', { until: at(3) }, [2, 1]],
    ['a span', { since: at(2), until: at(5) }, [4, 3, 2]],
    ['a row to go on after', { before: rowIdOf(3) }, [2, 1]],
    ['a number of rows', { limit: 2 }, [6, 5]],
    ['several things at once', { account: 'b', key: 'ci', since: at(1), status: 200 }, [4]],
    ['what nothing has', { session: 'talk-3' }, []],
    ['a text that is no SQL', { account: "' or 1=1 --" }, []],
    ['a text with a question mark', { model: '?' }, []],
  ])('finds by %s', async (_what, filter, expected) => {
    const log = await logOf(ROWS)
    const found = await log.list({ limit: 100, ...filter })
    expect(found.map(({ id }) => id)).toEqual(expected.map(rowIdOf))
  })

  it('finds the rows that a filter describes, and no others, whatever is combined', async () => {
    const log = await logOf(ROWS)
    const filters = fc.record(
      {
        account: fc.constantFrom('a', 'b', idOf('b')),
        model: fc.constantFrom('glm', 'claude-sonnet-5-5'),
        status: fc.constantFrom(0, 200, 529),
        outcome: fc.constantFrom('ok', 'aborted', 'truncated'),
        key: fc.constantFrom('laptop', 'key-2'),
        session: fc.constantFrom('talk-1', 'talk-2'),
        since: fc.integer({ min: 0, max: 7 }).map(at),
        until: fc.integer({ min: 0, max: 7 }).map(at),
        before: fc.integer({ min: 0, max: 7 }).map(rowIdOf),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 7 }), async (filter, limit) => {
        const expected = ROWS.filter((row) => describes(filter, row)).toReversed()
        expect(await log.list({ ...filter, limit })).toEqual(expected.slice(0, limit))
      }),
      { numRuns: 60 },
    )
  })

  it('gives rows page by page without a gap or a repetition, also while new ones come', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    const log = createRequestLog(database, ledger)
    for (let n = 1; n <= 25; n++) ledger.append(sampleRow(n))
    const seen: string[] = []
    for (let before: string | undefined; ; ) {
      const page = await log.list({ limit: 7, ...(before === undefined ? {} : { before }) })
      if (page.length === 0) break
      seen.push(...page.map(({ id }) => id))
      before = seen.at(-1)
      ledger.append(sampleRow(100 + seen.length))
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => rowIdOf(25 - index)))
    await ledger.close()
  })

  it('gives one row whole, also one that was appended this moment', async () => {
    const log = await logOf(ROWS)
    expect(await log.get(rowIdOf(2))).toEqual(ROWS[1])
    expect(await log.get('row-unknown')).toBeUndefined()
  })

  it('sums up everything, or what began since a moment', async () => {
    const log = await logOf(ROWS)
    expect(await log.sums(undefined)).toEqual({
      requests: 6,
      succeeded: 3,
      inputTokens: 60,
      outputTokens: 30,
      cacheReadTokens: 0,
      cacheWrite5mTokens: 0,
      cacheWrite1hTokens: 0,
      costUsd: 1,
      unpriced: 2,
    })
    expect(await log.sums(at(4))).toMatchObject({ requests: 3, succeeded: 1, costUsd: 0.25, unpriced: 2 })
  })

  it('keeps the kinds of cache tokens apart in its sums', async () => {
    const usage = { cacheReadTokens: 1, cacheWrite5mTokens: 20, cacheWrite1hTokens: 300 }
    const log = await logOf([sampleRow(1, { usage }), sampleRow(2, { usage })])
    expect(await log.sums(undefined)).toMatchObject({
      cacheReadTokens: 2,
      cacheWrite5mTokens: 40,
      cacheWrite1hTokens: 600,
    })
  })

  it('has sums of nothing that are zero', async () => {
    const log = await logOf([])
    expect(await log.sums(undefined)).toMatchObject({ requests: 0, succeeded: 0, inputTokens: 0, costUsd: 0 })
    expect(await log.sumsBy('account', undefined)).toEqual([])
    expect(await log.accountTotals()).toEqual(new Map())
  })

  it('sums up by account, by model as served and by key, the busiest first', async () => {
    const log = await logOf(ROWS)
    const summary = async (grouping: 'account' | 'model' | 'key') => {
      const sums = await log.sumsBy(grouping, undefined)
      return sums.map(({ name, requests, costUsd }) => [name, requests, costUsd])
    }
    expect(await summary('account')).toEqual([
      ['a', 3, 0.5],
      ['b', 2, 0.5],
      [undefined, 1, 0],
    ])
    expect(await summary('model')).toEqual([
      ['claude-sonnet-5-5', 4, 0.75],
      ['glm', 2, 0.25],
    ])
    expect(await summary('key')).toEqual([
      [undefined, 3, 0.25],
      ['laptop', 2, 0.5],
      ['ci', 1, 0.25],
    ])
    const late = await log.sumsBy('account', at(6))
    expect(late.map(({ name, requests }) => [name, requests])).toEqual([['a', 1]])
  })

  it('tells accounts and keys apart by their ids, and calls each as it is called now, or was last', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    for (const row of [
      sampleRow(1, { key: 'laptop', keyId: 'key-1' }),
      sampleRow(2, { account: 'z', accountId: idOf('a'), key: 'desk', keyId: 'key-1' }),
      sampleRow(3, { account: 'b2', accountId: idOf('b') }),
      sampleRow(4, { account: 'b1', accountId: idOf('b') }),
    ])
      ledger.append(row)
    const log = createRequestLog(database, ledger)
    const names = async (grouping: 'account' | 'key') =>
      (await log.sumsBy(grouping, undefined)).map(({ name, requests }) => `${name} ${requests}`).sort()
    expect(await names('account')).toEqual(['b1 2', 'z 2'])
    expect(await names('key')).toEqual(['desk 2', 'undefined 2'])
    await (await openAccounts(database, () => {})).add(sampleAccount('a', { name: 'now' }))
    expect(await names('account')).toEqual(['b1 2', 'now 2'])
    await ledger.close()
  })

  it('does not call unpriced what used no token', async () => {
    const log = await logOf([
      sampleRow(1, { costUsd: undefined, usage: NO_USAGE }),
      sampleRow(2, { costUsd: undefined }),
    ])
    expect(await log.sums(undefined)).toMatchObject({ requests: 2, unpriced: 1 })
  })

  it('knows the accounts’ totals as of this moment', async () => {
    const log = await logOf(ROWS)
    const totals = await log.accountTotals()
    expect(totals.get(idOf('a'))).toEqual({ requests: 3, inputTokens: 30, outputTokens: 15, costUsd: 0.5 })
    expect(totals.get(idOf('b'))).toMatchObject({ requests: 2, costUsd: 0.5 })
  })
})

/** What a filter means, in other words than SQL. */
function describes(filter: Omit<RequestFilter, 'limit'>, row: LedgerRow): boolean {
  const { account, model, status, outcome, key, session, since, until, before } = filter
  return [
    account === undefined || account === row.account || account === row.accountId,
    model === undefined || model === row.model || model === row.servedModel,
    status === undefined || status === row.status,
    outcome === undefined || outcome === row.outcome,
    key === undefined || key === row.key || key === row.keyId,
    session === undefined || session === row.session,
    since === undefined || row.startedAt >= since,
    until === undefined || row.startedAt < until,
    before === undefined || row.id < before,
  ].every((holds) => holds)
}
