/**
 * The ways in: a one-time link, a name with a password, a provider of OpenID Connect. Each
 * ends in a visit or in a sentence, and failures are written down. A limit on attempts never
 * shuts an owner out for good: it ends by itself, it leaves the places alone where they are
 * signed in already, and the token and its links do not know it.
 */
import { networkKey } from '../core/address.ts'
import { GatewayError } from '../core/error.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import type { AuditLog, Passwords, UserStore } from '../core/ports/people.ts'
import { MINUTE } from '../core/time.ts'
import type { SignInWay } from '../core/visit.ts'
import { createAttempts } from './attempts.ts'
import type { Links } from './links.ts'
import type { SecretSource } from './secrets.ts'
import type { BegunVisit, Visits } from './visits.ts'

const A_MINUTE_FROM_ONE_NETWORK = 10
/** Of one name, from everywhere: more than a person mistypes, too few to guess with. */
const IN_TEN_MINUTES_OF_ONE_NAME = 50

export interface SignInOptions {
  readonly links: Links
  readonly visits: Visits
  readonly users: UserStore
  readonly passwords: Passwords
  readonly audit: AuditLog
  readonly secrets: SecretSource
  readonly clock: Clock
  readonly log: Log
}

export interface SignIn {
  /** All throw GatewayError. */
  withLink(token: string, peer: string): Promise<BegunVisit>
  withPassword(given: { readonly name: string; readonly password: string }, peer: string): Promise<BegunVisit>
  /** Writes down that somebody was not let in; `who` must be a name that is known, or nothing. */
  failed(failure: Failure): Promise<void>
}

export interface Failure {
  readonly who: string | undefined
  readonly way: SignInWay
  readonly reason: string
  readonly peer: string
}

export function createSignIn(options: SignInOptions): SignIn {
  const { links, visits, clock, secrets, audit, log } = options
  const { elapsed } = clock
  const byNetwork = createAttempts({ most: A_MINUTE_FROM_ONE_NETWORK, windowMs: MINUTE, elapsed })
  const byName = createAttempts({ most: IN_TEN_MINUTES_OF_ONE_NAME, windowMs: 10 * MINUTE, elapsed })
  const failed = async ({ who, way, reason, peer }: Failure): Promise<void> => {
    log.warn('Somebody was not let in.', { way, reason, peer })
    const what = { action: 'signInFailed', target: who, from: undefined, to: { way, reason } }
    try {
      await audit.add({
        id: secrets.newId(),
        at: clock.now(),
        who: 'anybody',
        role: undefined,
        peer,
        ...what,
      })
    } catch (error) {
      log.error('A failed sign-in could not be written to the audit log.', error)
    }
  }
  return {
    failed,
    async withLink(token, peer) {
      const bearer = links.use(token)
      if (bearer !== undefined) {
        const { name, userId } = bearer
        return visits.begin({ name: `${name} (link)`, role: 'owner', way: 'link', userId, peer })
      }
      if (!byNetwork.take(networkKey(peer))) throw tooMany()
      await failed({ who: undefined, way: 'link', reason: 'no such link', peer })
      throw new GatewayError(
        'unauthenticated',
        'This link has been used or is too old. Make a new one with "spillway dashboard".',
      )
    },
    async withPassword({ name, password }, peer) {
      const network = networkKey(peer)
      if (!byNetwork.take(network)) throw tooMany()
      if (!byName.take(name) && !isKnownAt(name, peer, options)) throw tooMany()
      const user = await check(name, password, options)
      if (user === undefined) {
        const isName = options.users.all().some((each) => each.name === name)
        await failed({ who: isName ? name : undefined, way: 'password', reason: 'wrong', peer })
        throw new GatewayError('unauthenticated', 'The name or the password is wrong.')
      }
      byNetwork.giveBack(network)
      byName.giveBack(name)
      const { id, role } = user
      return visits.begin({ name: user.name, role, way: 'password', userId: id, peer })
    },
  }
}

/** Checks even where there is nobody of that name: how long it takes says nothing. */
async function check(name: string, password: string, { users, passwords }: SignInOptions) {
  const asked = users.all().find((each) => each.name === name && each.disabledAt === undefined)
  const isRight = await passwords.verify(password, asked?.passwordHash)
  if (!isRight || asked === undefined) return undefined
  // While it was checked, an owner may have disabled the user or changed the password.
  const present = users.all().find(({ id }) => id === asked.id)
  const isStill = present?.disabledAt === undefined && present?.passwordHash === asked.passwordHash
  return isStill ? present : undefined
}

/** Somebody of that name is signed in from there: guessing from elsewhere must not shut them out. */
function isKnownAt(name: string, peer: string, { users, visits }: SignInOptions): boolean {
  const user = users.all().find((each) => each.name === name)
  return user !== undefined && visits.all().some((visit) => visit.userId === user.id && visit.peer === peer)
}

const tooMany = (): GatewayError =>
  new GatewayError(
    'too-many-attempts',
    'Too many sign-ins that went wrong. Try again in a minute, or make a link with "spillway dashboard".',
  )
