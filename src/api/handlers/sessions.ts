/** The handlers about sessions and prompt caches. */
import type { Account, AccountId } from '../../core/account.ts'
import { MISS_CAUSES } from '../../core/cache-miss.ts'
import { GatewayError } from '../../core/error.ts'
import type { MissSums, SessionFilter, SessionRow } from '../../core/ports/session-log.ts'
import { later, type Millis, toIso, toMillis } from '../../core/time.ts'
import type { Answer, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import { readMoment } from '../moments.ts'
import type { Services } from '../services.ts'
import { toSessionView } from '../session-views.ts'
import { toRequestView } from '../views.ts'

type SessionHandlers = Pick<
  Handlers,
  'listSessions' | 'showSession' | 'pinSession' | 'unpinSession' | 'moveSession' | 'cacheMisses'
>

export function sessionHandlers(services: Services): SessionHandlers {
  const { sessionLog, requests, clock } = services
  const find: Find = async (id) => {
    const row = await sessionLog.get(id)
    if (row !== undefined) return row
    throw new GatewayError(
      'not-found',
      `There is no session ${id}; "spillway sessions list" shows those there are.`,
    )
  }
  return {
    async listSessions({ query }) {
      const rows = await sessionLog.list(toFilter(query, services))
      const page = rows.slice(0, query.limit)
      const last = page.at(-1)
      return {
        sessions: page.map((row) => toSessionView(row, services)),
        ...(rows.length > query.limit && last !== undefined
          ? { nextCursor: `${last.usedAt}~${last.session}` }
          : {}),
      }
    },
    async showSession({ params, query }) {
      const row = await find(params.id)
      const turns = query.turns === 0 ? [] : await requests.list({ session: params.id, limit: query.turns })
      return { ...toSessionView(row, services), turns: turns.map(toRequestView) }
    },
    ...sessionActions(services, find),
    async cacheMisses({ query }) {
      const { from, to } = toSpan(query, clock.now())
      return toMissView(await sessionLog.misses(from, to), from, to)
    },
  }
}

type Find = (id: string) => Promise<SessionRow>

const sessionActions = (
  services: Services,
  find: Find,
): Pick<SessionHandlers, 'pinSession' | 'unpinSession' | 'moveSession'> => {
  const { sessions } = services
  return {
    async pinSession({ params, body }, call) {
      const row = await find(params.id)
      const account = findAccount(body.account, services)
      const before = pinName(row, services)
      await sessions.pin(row.session, agentsOf(row), account.id)
      call.changed({
        target: row.session,
        ...(before === undefined ? {} : { from: { pinned: before } }),
        to: { pinned: account.name },
      })
      return toSessionView(row, services)
    },
    async unpinSession({ params }, call) {
      const row = await find(params.id)
      const before = pinName(row, services)
      if (!(await sessions.unpin(row.session)))
        throw new GatewayError('conflict', `The session ${row.session} is not pinned.`)
      call.changed({ target: row.session, from: { pinned: before } })
      return toSessionView(row, services)
    },
    async moveSession({ params, body }, call) {
      const row = await find(params.id)
      const account = findAccount(body.account, services)
      const before = toSessionView(row, services).account
      if (sessions.pinOf(row.session) !== undefined) {
        throw new GatewayError(
          'conflict',
          `The session ${row.session} is pinned to ${pinName(row, services)}; pin it to ${account.name} instead, or unpin it first.`,
        )
      }
      sessions.move(row.session, agentsOf(row), account.id)
      call.changed({ target: row.session, from: { account: before }, to: { account: account.name } })
      return toSessionView(row, services)
    },
  }
}

/** One row more than asked for tells whether there is another page. */
function toFilter(
  { limit, cursor, since, account, key, agent }: Input<'listSessions'>['query'],
  { clock, accounts, keys }: Services,
): SessionFilter {
  const [usedAt = '', ...rest] = (cursor ?? '').split('~')
  return {
    limit: limit + 1,
    ...(since === undefined ? {} : { since: readMoment('since', since, clock.now()) }),
    ...(account === undefined ? {} : idOr(accounts.all(), account, { id: 'accountId', name: 'account' })),
    ...(key === undefined ? {} : idOr(keys.all(), key, { id: 'keyId', name: 'key' })),
    ...(agent === undefined ? {} : { agent }),
    ...(cursor === undefined
      ? {}
      : { before: { usedAt: toMillis(Number(usedAt)), session: rest.join('~') } }),
  }
}

/** Whoever is called so now is meant; a name that nobody has now is looked for as it was. */
function idOr<Id extends string, Name extends string>(
  all: readonly { readonly id: string; readonly name: string }[],
  given: string,
  fields: { readonly id: Id; readonly name: Name },
): { readonly [Field in Id | Name]?: string } {
  const found = all.find(({ id, name }) => name === given || id === given)
  const entry = found === undefined ? { [fields.name]: given } : { [fields.id]: found.id }
  return entry as { readonly [Field in Id | Name]?: string }
}

function findAccount(idOrName: string, { accounts }: Services): Account {
  const account = accounts.all().find(({ id, name }) => id === idOrName || name === idOrName)
  if (account !== undefined) return account
  throw new GatewayError('not-found', `There is no account "${idOrName}".`)
}

const agentsOf = ({ agents }: SessionRow): readonly string[] => [
  ...new Set(agents.flatMap(({ agent }) => (agent === undefined ? [] : [agent]))),
]

function pinName({ session }: SessionRow, { sessions, accounts }: Services): string | undefined {
  const pin: AccountId | undefined = sessions.pinOf(session)
  return pin === undefined ? undefined : (accounts.all().find(({ id }) => id === pin)?.name ?? pin)
}

const DEFAULT_RANGE = '24h'

function toSpan(
  { range, from, to }: Input<'cacheMisses'>['query'],
  now: Millis,
): { readonly from: Millis; readonly to: Millis } {
  if (range !== undefined && (from !== undefined || to !== undefined)) {
    const message = 'Give either a range, or from and to.'
    throw new GatewayError('bad-request', message, { details: [{ path: 'range', message }] })
  }
  // What begins within this very millisecond belongs to it.
  const end = to === undefined ? later(now, 1) : readMoment('to', to, now)
  return { from: readMoment('from', from ?? range ?? DEFAULT_RANGE, now), to: end }
}

function toMissView(sums: readonly MissSums[], from: Millis, to: Millis): Answer<'cacheMisses'> {
  const causes = MISS_CAUSES.flatMap((cause) => {
    const own = sums.filter((each) => each.cause === cause)
    const parts = PARTS.flatMap((part) => {
      const ofPart = own.filter((each) => each.part === part)
      return ofPart.length === 0 ? [] : [{ part, ...total(ofPart) }]
    })
    return own.length === 0 ? [] : [{ cause, ...total(own), parts }]
  })
  return { from: toIso(from), to: toIso(to), ...total(sums), causes }
}

const PARTS = ['tools', 'system', 'message'] as const

const total = (sums: readonly MissSums[]) => ({
  misses: sums.reduce((sum, each) => sum + each.misses, 0),
  tokens: sums.reduce((sum, each) => sum + each.tokens, 0),
  usd: sums.reduce((sum, each) => sum + each.usd, 0),
})
