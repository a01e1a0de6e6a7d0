/** Rows of a history, of whatever version, become requests; many come in batches. */
import { Database as Sqlite } from 'bun:sqlite'
import { describe, expect, it } from 'bun:test'
import { countRequests, requestsOf } from './ccflare-requests.ts'
import type { Fields } from './fields.ts'
import type { ImportedRequest } from './imported.ts'
import type { Source } from './source.ts'

const NOON = Date.UTC(2026, 10, 25, 12)
const TIME_ONLY = ['id', 'timestamp']
const ALL = [
  ...[...TIME_ONLY, 'method', 'path', 'account_used', 'status_code', 'success', 'response_time_ms', 'model'],
  ...['prompt_tokens', 'completion_tokens', 'input_tokens', 'output_tokens', 'cache_read_input_tokens'],
  ...['cache_creation_input_tokens', 'cost_usd', 'agent_used', 'of_tomorrow'],
]

describe('a request', () => {
  it.each<[string, Fields, Fields]>([
    ['of an account', { account_used: 'a' }, { account: 'work' }],
    ['of an account that is gone', { account_used: 'gone' }, { account: undefined }],
    ['of none', { account_used: null }, { account: undefined }],
    ['that went well', { success: 1, status_code: 200 }, { isSuccess: true, status: 200 }],
    ['that did not', { success: 0, status_code: 529 }, { isSuccess: false, status: 529 }],
    ['of which nobody knows', { success: null, status_code: null }, { isSuccess: false, status: undefined }],
    [
      'with tokens that were counted together',
      {
        prompt_tokens: 90,
        completion_tokens: 5,
        cache_read_input_tokens: 60,
        cache_creation_input_tokens: 10,
      },
      { inputTokens: 20, outputTokens: 5, cacheReadTokens: 60, cacheWriteTokens: 10 },
    ],
    [
      'with input that was all in the cache',
      { prompt_tokens: 60, cache_read_input_tokens: 60, input_tokens: 0 },
      { inputTokens: 0, cacheReadTokens: 60 },
    ],
    ['with a price', { input_tokens: 9, cost_usd: 0.01 }, { costUsd: 0.01 }],
    ['of a model without a price', { input_tokens: 9, cost_usd: 0 }, { costUsd: undefined }],
    ['that used nothing', { cost_usd: 0 }, { costUsd: 0 }],
    ['without a cost', { cost_usd: null }, { costUsd: undefined }],
    ['of an agent', { agent_used: 'reviewer' }, { agent: 'reviewer' }],
    ['with a query', { path: '/v1/messages?key=CANARY-key' }, { path: '/v1/messages' }],
    ['without a path', { path: null, method: null }, { path: '/', method: 'POST' }],
    [
      'of nonsense',
      { input_tokens: 'many', response_time_ms: -5, model: 7, cost_usd: -1, success: 'yes' },
      { inputTokens: 0, durationMs: 0, model: undefined, costUsd: undefined, isSuccess: false },
    ],
  ])('%s is read', (_what, cells, expected) => {
    const [request] = readAll(history(ALL, [{ id: 'r', timestamp: NOON, ...cells }]))
    for (const [name, value] of Object.entries(expected))
      expect([name, Reflect.get(request ?? {}, name)]).toEqual([name, value])
  })

  it('needs an id and a time only', () => {
    expect(readAll(history(TIME_ONLY, [{ id: 'r', timestamp: NOON }]))).toEqual([
      {
        ...{ id: 'r', startedAt: '2026-11-25T12:00:00.000Z', account: undefined, model: undefined },
        ...{ status: undefined, isSuccess: false, durationMs: 0, path: '/', method: 'POST' },
        ...{ inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 },
      },
    ])
  })

  it.each(['yesterday', null, 0, -1, 9e15])('with the time %p is left out, and not counted', (timestamp) => {
    const source = history(ALL, [
      { id: 'a', timestamp },
      { id: 'b', timestamp: NOON },
    ])
    expect(countRequests(source)).toBe(1)
    expect(readAll(source).map(({ id }) => id)).toEqual(['b'])
  })
})

describe('a history', () => {
  it.each([0, 1, 999, 1_000, 1_001, 2_500])(
    'of %d requests comes in batches, as often as it is asked for',
    (count) => {
      const rows = Array.from({ length: count }, (_, index) => ({ id: `r${index}`, timestamp: NOON + index }))
      const source = history(TIME_ONLY, rows)
      const requests = requestsOf(source, new Map())
      expect(countRequests(source)).toBe(count)
      for (const _time of ['first', 'second']) {
        const batches = [...requests]
        expect(batches.every(({ length }) => length > 0 && length <= 1_000)).toBe(true)
        expect(batches.flat().map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
      }
    },
  )
})

/** Columns without a type keep what they are given. */
function history(columns: readonly string[], rows: readonly Fields[]): Source {
  const database = new Sqlite(':memory:')
  database.run(`create table requests (${columns.join(', ')})`)
  const insert = database.prepare(`insert into requests values (${columns.map(() => '?').join(', ')})`)
  database.transaction(() => {
    for (const row of rows) insert.run(...columns.map((column) => toCell(row[column])))
  })()
  return {
    columnsOf: () => new Set(columns),
    read: (text, values = []) => database.query<Fields, (string | number)[]>(text).all(...values),
    close: () => database.close(),
  }
}

const toCell = (value: unknown): string | number | null =>
  typeof value === 'string' || typeof value === 'number' ? value : null

const readAll = (source: Source): readonly ImportedRequest[] =>
  [...requestsOf(source, new Map([['a', 'work']]))].flat()
