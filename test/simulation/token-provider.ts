/**
 * How the provider of a token world answers: to requests of clients, of the token endpoint and
 * of the usage endpoint, each by what stands next in its queue, else as it should. Notes what
 * it has said of an account to a client's request, for only that may be held against it.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { HOUR, SECOND } from '../../src/core/time.ts'
import type { Reply } from '../../src/simulator/replies.ts'
import * as reply from '../../src/simulator/replies.ts'
import type { Direction, StagedRequest, StagedUpstream } from '../support/staged-upstream.ts'
import type { TickingClock } from '../support/ticking-clock.ts'

export const NAMES = ['a', 'b', 'key'] as const
export type Name = (typeof NAMES)[number]

export const MESSAGE_ANSWERS = [
  'well',
  'unauthorized',
  'unauthorized-later',
  'throttled',
  'window-spent',
  'family-spent',
  'limit-unnamed',
  'server-error',
  'overloaded',
  'reset',
] as const
export const TOKEN_ANSWERS = [
  'well',
  'slow',
  'slow-error',
  'lost',
  'broken',
  'refused',
  'silent',
  'server-error',
  'page',
  'limited',
  'unusable',
  'revoked',
] as const
export const USAGE_ANSWERS = ['well', 'limited', 'server-error', 'unauthorized', 'nonsense'] as const
/** The provider's side of the world. */
export interface Whims {
  readonly clock: TickingClock
  readonly upstream: StagedUpstream
  readonly stored: Stored
  /** All that may be held against an account, by its name. */
  readonly seen: Map<string, Set<string>>
  readonly queues: {
    readonly message: Map<Name, string[]>
    readonly token: string[]
    readonly usage: string[]
  }
  /** Accounts whose renewed token may have been lost by no fault of the gateway's. */
  readonly excused: Set<string>
}

export function direct(request: StagedRequest, world: Whims): Direction {
  switch (request.kind) {
    case 'token':
      return directToken(request, world)
    case 'account':
      return directUsage(world.queues.usage.shift())
    case 'message':
      return directMessage(request, world)
  }
}

function directToken(request: StagedRequest, world: Whims): Direction {
  const { refresh_token: token } = JSON.parse(request.body.toString())
  const owner = nameOf(token, world)
  const answer = world.queues.token.shift() ?? 'well'
  see(world, owner, 'refresh-failed', 'login-required')
  switch (answer) {
    case 'slow':
      return { until: world.clock.sleep(3 * SECOND) }
    case 'slow-error':
      return { reply: reply.serverError, after: world.clock.sleep(3 * SECOND) }
    case 'lost':
      world.excused.add(owner)
      return 'lose'
    case 'broken':
      return 'break'
    case 'refused':
      return 'refuse'
    case 'silent':
      return 'hang'
    case 'server-error':
      return { reply: reply.serverError }
    case 'page':
      return { reply: reply.html(200) }
    case 'limited':
      return { reply: reply.throttled(90) }
    case 'unusable':
      world.excused.add(owner)
      return { reply: unusable(request, world) }
    case 'revoked':
      world.upstream.logins.revoke(token)
      return 'serve'
    default:
      return 'serve'
  }
}

/** The provider has rotated the refresh token, and says nothing that can be used. */
function unusable(request: StagedRequest, { upstream: { logins } }: Whims): Reply {
  logins.answers = { tokenType: 'DPoP' }
  const said = logins.answer(request) ?? reply.serverError
  logins.answers = {}
  return said
}

function directUsage(answer: string | undefined): Direction {
  switch (answer) {
    case 'limited':
      return { reply: reply.throttled(2_900) }
    case 'server-error':
      return { reply: reply.serverError }
    case 'unauthorized':
      return { reply: reply.bearerUnknown }
    case 'nonsense':
      return { reply: reply.json({ five_hour: { utilization: 'all of it', resets_at: 'never' } }) }
    default:
      return 'serve'
  }
}

function directMessage(request: StagedRequest, world: Whims): Direction {
  const name = world.stored.tokens().find(({ access }) => access === request.key)?.name ?? 'nobody'
  const answer = NAMES.flatMap((each) => (each === name ? [world.queues.message.get(each)?.shift()] : []))[0]
  // What the provider itself may say to a token that has ended.
  see(world, name, 'unauthorized')
  const inAnHour = Math.floor((world.clock.now() + HOUR) / SECOND)
  switch (answer) {
    case 'unauthorized':
      return { reply: reply.bearerUnknown }
    case 'unauthorized-later':
      return { reply: reply.bearerUnknown, after: world.clock.sleep((1 + (request.number % 4)) * SECOND) }
    case 'throttled':
      see(world, name, 'throttled')
      return { reply: reply.throttled(30) }
    case 'window-spent':
      see(world, name, 'window-spent')
      return { reply: reply.windowSpent('5h', inAnHour) }
    case 'family-spent':
      see(world, name, 'family-spent', 'window-spent')
      return { reply: reply.windowSpent('7d_oi', inAnHour) }
    case 'limit-unnamed':
      return { reply: reply.refusedWithoutReason }
    case 'server-error':
      return { reply: reply.serverError }
    case 'overloaded':
      return { reply: reply.overloaded }
    case 'reset':
      return 'break'
    default:
      return 'serve'
  }
}

function see({ seen }: Whims, name: string, ...causes: readonly string[]): void {
  const known = seen.get(name) ?? new Set()
  for (const cause of causes) known.add(cause)
  seen.set(name, known)
}

/** Logins have their accounts' names. */
function nameOf(refreshToken: string, { stored, upstream }: Whims): string {
  const known = upstream.logins.refreshes.find(({ from, to }) => from === refreshToken || to === refreshToken)
  return known?.loginId ?? stored.tokens().find(({ refresh }) => refresh === refreshToken)?.name ?? 'nobody'
}

/** The database file, read past the gateway. */
export interface Stored {
  tokens(): readonly {
    readonly name: string
    readonly access: string
    readonly refresh: string | undefined
  }[]
  /** The first column of each row, as text. */
  column(text: string): readonly string[]
  close(): void
}

/** Opened when it is first asked, by when a gateway has made it. */
export function readStored(path: string): Stored {
  let opened: Sqlite | undefined
  const file = (): Sqlite => {
    opened ??= new Sqlite(path, { readonly: true })
    return opened
  }
  const bare = (sealed: string): string => sealed.slice(sealed.indexOf(': ') + 2)
  return {
    tokens: () =>
      file()
        .query<{ id: string; secret: string; refresh_secret: string | null }, []>(
          'select id, secret, refresh_secret from accounts',
        )
        .all()
        .map(({ id, secret, refresh_secret: refresh }) => ({
          name: id.replace('id-', ''),
          access: bare(secret),
          refresh: refresh === null ? undefined : bare(refresh),
        })),
    column: (text) =>
      file()
        .query(text)
        .values()
        .map(([value]) => String(value)),
    close: () => opened?.close(),
  }
}
