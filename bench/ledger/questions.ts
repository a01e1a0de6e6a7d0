/** What is asked of the filled ledger, by name. Pure. */
import { DAY } from '../../src/core/time.ts'
import { ACCOUNTS, KEYS } from './rows.ts'

export interface Question {
  readonly name: string
  readonly path: string
}

/** `sample`: a session and an agent that the ledger has. */
export const questionsOf = (
  sample: { readonly session: string; readonly agent: string },
  now: number,
): readonly Question[] => {
  const before = (days: number): string => new Date(now - days * DAY).toISOString()
  const list = (name: string, query: string): Question => ({
    name: `requests, ${name}`,
    path: `/api/requests?limit=50&${query}`,
  })
  return [
    { name: 'stats', path: '/api/stats' },
    { name: 'stats since 24h', path: '/api/stats?since=24h' },
    { name: 'stats since 30d', path: '/api/stats?since=30d' },
    { name: 'analytics 30d by model', path: '/api/analytics?range=30d&groupBy=model' },
    { name: 'analytics 90d by key', path: '/api/analytics?range=90d&groupBy=key' },
    {
      name: 'analytics 7d by account of a model',
      path: '/api/analytics?range=7d&groupBy=account&model=glm-5.3',
    },
    { name: 'analytics 24h by session', path: '/api/analytics?range=24h&groupBy=session' },
    list('no filter', ''),
    list('account, busy', `account=${ACCOUNTS[0]}`),
    list('account, rare', `account=${ACCOUNTS.at(-1)}`),
    list('account, unknown', 'account=nobody'),
    list('model', 'model=glm-5.3'),
    list('status 200', 'status=200'),
    list('status 529', 'status=529'),
    list('status, none such', 'status=418'),
    list('outcome ok', 'status=ok'),
    list('outcome truncated', 'status=truncated'),
    list('key, busy', `key=${KEYS[0]}`),
    list('key, rare', `key=${KEYS.at(-1)}`),
    list('session', `session=${sample.session}`),
    list('agent', `agent=${sample.agent}`),
    list('since 24h', 'since=24h'),
    list('since a second', 'since=1s'),
    list('until 60 days ago', `until=${before(60)}`),
  ]
}
