/** How client keys are shown to people: their rules, and how each limit stands. */
import type { Key } from '../../api/contract.ts'
import { fields, fromNow, table, usd } from '../format.ts'
import type { Shell } from '../shell.ts'

export function showList(shell: Shell, list: readonly Key[]): void {
  if (list.length === 0) {
    shell.output.line(
      'No key yet. Clients on this machine need none; "spillway keys create <name>" makes one.',
    )
    return
  }
  const now = Date.now()
  table(
    shell.output,
    ['NAME', 'STATE', 'ENDS IN', 'CREATED', 'TODAY', 'THIS MONTH', 'LIMITS'],
    list.map(({ name, state, hint, createdAt, use }) => [
      name,
      state,
      `…${hint}`,
      fromNow(createdAt, now),
      usd(use.today.costUsd),
      usd(use.month.costUsd),
      tightestOf(use),
    ]),
    { whole: ['NAME'], dispensable: ['CREATED', 'TODAY'] },
  )
}

/** The one that is nearest to its end. */
function tightestOf({ limits }: Key['use']): string {
  const [tightest] = limits.toSorted((a, b) => shareOf(b) - shareOf(a))
  if (tightest === undefined) return 'none'
  return tightest.isFull ? `${nameOf(tightest)}: full` : `${nameOf(tightest)}: ${percentOf(tightest)}`
}

export function showOne(shell: Shell, key: Key): void {
  const { budgets = [], models } = key
  fields(shell.output, [
    ['name', key.name],
    ['id', key.id],
    ['state', key.state],
    ['ends in', `…${key.hint}`],
    ['created', key.createdAt],
    ['disabled', key.disabledAt],
    ['revoked', key.revokedAt],
    ['expires', key.expiresAt],
    ['pool', key.pool],
    ['groups', key.groups?.join(', ')],
    ['may use', key.allowedModels?.join(', ')],
    ['may call', key.endpoints?.join(', ')],
    ['strategy', key.strategy],
    ['class', key.class],
    ['rather waits', key.hold],
    ['runaway', key.runaway],
    ['payloads', key.payloads],
    ['prefers', models === undefined || Array.isArray(models) ? undefined : preferences(models)],
    ['budgets', budgets.length === 0 ? undefined : budgets.map(budgetWords).join(', ')],
    ['under way', key.use.inFlight],
    ['today', usedWords(key.use.today)],
    ['this month', usedWords(key.use.month)],
  ])
  showLimits(shell, key.use)
}

const preferences = (models: Readonly<Record<string, string>>): string =>
  Object.entries(models)
    .map(([from, to]) => `${to} for ${from}`)
    .join(', ')

const budgetWords = ({ usd: money, tokens, period }: NonNullable<Key['budgets']>[number]): string =>
  money === undefined ? `${tokens?.toLocaleString('en-US')} tokens/${period}` : `${usd(money)}/${period}`

const usedWords = ({ requests, tokens, costUsd }: Key['use']['today']): string =>
  `${requests.toLocaleString('en-US')} requests, ${tokens.toLocaleString('en-US')} tokens, ${usd(costUsd)}`

function showLimits({ output }: Shell, { limits }: Key['use']): void {
  if (limits.length === 0) return
  const now = Date.now()
  output.line()
  table(
    output,
    ['LIMIT', 'AT MOST', 'USED', 'UNDER WAY', 'SHARE', 'ROOM AGAIN', 'RESETS'],
    limits.map((limit) => [
      nameOf(limit),
      amount(limit, limit.most),
      amount(limit, limit.used),
      limit.reserved === 0 ? '' : amount(limit, limit.reserved),
      percentOf(limit),
      fromNow(limit.opensAt, now),
      fromNow(limit.resetsAt, now),
    ]),
    { whole: ['LIMIT'] },
  )
}

type Limit = Key['use']['limits'][number]

const nameOf = ({ limit, unit, period }: Limit): string =>
  limit === 'budget' ? `${unit}/${period ?? ''}` : NAMES[limit]

const NAMES = {
  requestsPerMinute: 'requests/min',
  tokensPerMinute: 'tokens/min',
  maxConcurrent: 'at once',
} as const

const shareOf = ({ used, reserved, most }: Limit): number => (used + reserved) / most

const percentOf = (limit: Limit): string => `${Math.floor(shareOf(limit) * 100)} %`

const amount = ({ unit }: Limit, value: number): string =>
  unit === 'usd' ? usd(value) : Math.ceil(value).toLocaleString('en-US')
