/** One account, whole, for people: how it stands, its windows, and what has happened to it. */
import type { Account, AccountEvent } from '../../api/contract.ts'
import { type Cell, fields, fromNow, table, usd } from '../format.ts'
import type { Shell } from '../shell.ts'

export function showAccount(shell: Shell, account: Account, events: readonly AccountEvent[]): void {
  const now = Date.now()
  fields(shell.output, [
    ...identityOf(account),
    ...standingOf(account, now),
    ...useOf(account),
    ...windowsOf(account, now),
  ])
  if (events.length === 0) return
  shell.output.line()
  table(
    shell.output,
    ['WHEN', 'WHAT', 'SCOPE', 'EVIDENCE'],
    events.map(({ at, kind, scope, evidence, cause }) => [
      fromNow(at, now),
      kind,
      scope === 'account' ? '' : scope,
      evidence ?? cause ?? '',
    ]),
  )
}

type Fields = readonly (readonly [string, Cell])[]

const identityOf = (account: Account): Fields => [
  ['name', account.name],
  ['id', account.id],
  ['provider', account.provider],
  ['base URL', account.baseUrl],
  ['organization', account.organizationName ?? account.organization],
  ['plan', account.plan],
  ['e-mail', account.email],
  ['priority', account.priority],
  ['weight', account.weight],
  ['tier', account.tier],
  ['groups', account.groups.join(', ') || undefined],
  [
    'model map',
    Object.entries(account.modelMap)
      .map(([from, to]) => `${from} → ${[to].flat().join(' or ')}`)
      .join(', ') || undefined,
  ],
  ['serves only', account.models?.join(', ')],
  ['requests at once', account.maxConcurrent],
  ['proxy', account.proxy],
  ['added headers', account.headers.join(', ') || undefined],
  ['plan only', account.planOnly ? 'yes: paid overage counts as a limit' : undefined],
]

const standingOf = ({ state, tokenExpiresAt, providerStatus, overage }: Account, now: number): Fields => [
  ['state', [state.kind, state.reason, fromNow(state.until, now)].filter(Boolean).join(', ')],
  ['since', state.since === undefined ? undefined : fromNow(state.since, now)],
  ['what to do', state.remedy],
  ['provider says', providerStatus],
  ['overage', overage === undefined ? undefined : overageWords(overage)],
  ['token', tokenExpiresAt === undefined ? undefined : tokenWords(tokenExpiresAt, now)],
]

const tokenWords = (expiresAt: string, now: number): string =>
  `${Date.parse(expiresAt) > now ? 'ends' : 'ended'} ${fromNow(expiresAt, now)}`

const overageWords = ({
  inUse,
  status,
  utilization,
  disabledReason,
}: NonNullable<Account['overage']>): string =>
  [
    inUse ? 'in use' : 'not in use',
    status,
    utilization === undefined ? undefined : percent(utilization),
    disabledReason,
  ]
    .filter(Boolean)
    .join(', ')

const useOf = ({ inFlight, totals }: Account): Fields => [
  ['in flight', inFlight],
  ['requests', totals.requests],
  [
    'tokens',
    `${totals.inputTokens.toLocaleString('en-US')} in, ${totals.outputTokens.toLocaleString('en-US')} out`,
  ],
  ['cost', usd(totals.costUsd)],
]

const windowsOf = ({ windows, cooldowns }: Account, now: number): Fields => [
  ...windows.map(({ name, utilization, resetsAt, remaining, unit, status }) => {
    const words = [
      utilization === null ? undefined : `${percent(utilization)} used`,
      remaining === undefined ? undefined : `${remaining}${unit === undefined ? '' : ` ${unit}`} left`,
      status === null || status === 'allowed' ? undefined : status,
      resetsAt === null ? undefined : `resets ${fromNow(resetsAt, now)}`,
    ]
    return [`window ${name}`, words.filter(Boolean).join(', ') || 'not known since it began anew'] as const
  }),
  ...cooldowns.map(
    ({ scope, evidence, until }) =>
      [`cooling (${scope})`, `${evidence}, ends ${fromNow(until, now)}`] as const,
  ),
]

const percent = (fraction: number): string => `${Math.round(fraction * 100)} %`

/** The window that is used most, in a word. */
export function tightest(windows: Account['windows']): string {
  const known = windows.filter(({ name, utilization }) => utilization !== null && !name.endsWith('/min'))
  const [most] = known.toSorted((a, b) => (b.utilization ?? 0) - (a.utilization ?? 0))
  return most === undefined ? '' : `${most.name} ${percent(most.utilization ?? 0)}`
}
