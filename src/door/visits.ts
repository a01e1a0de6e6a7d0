/**
 * Who is signed in with a browser: begun, found again by the cookie's secret, ended. In memory
 * and in the store. Must not know how somebody proved who they are.
 */
import type { Clock } from '../core/ports/clock.ts'
import type { VisitStore } from '../core/ports/people.ts'
import { later, MINUTE } from '../core/time.ts'
import { isOver, type Visit } from '../core/visit.ts'
import type { SecretSource } from './secrets.ts'

/** Those that have not been used for longest go first. */
const MOST_VISITS = 1_000
/** How exactly the last use is known: a write for every call would be one too many. */
const TOUCH_MS = MINUTE

export interface VisitOptions {
  readonly store: VisitStore
  readonly secrets: SecretSource
  readonly clock: Clock
  /** Whether whoever it is may still be here: users come and go. */
  readonly isWelcome: (visit: Visit) => boolean
  readonly limits: () => { readonly idleMs: number; readonly longestMs: number }
}

export type Visitor = Pick<Visit, 'name' | 'role' | 'way' | 'userId' | 'peer'>

export interface BegunVisit {
  readonly visit: Visit
  /** For the cookie, and for nothing else. */
  readonly secret: string
}

export interface Visits {
  begin(visitor: Visitor): Promise<BegunVisit>
  /** Notes that it is used. */
  of(secret: string): Visit | undefined
  /** Those that are not over, the latest first. */
  all(): readonly Visit[]
  end(visits: readonly Visit[]): Promise<void>
  /** Those of a user, also where they may not be here any more: one that is welcome again begins anew. */
  endOf(userId: string): Promise<void>
}

export function createVisits({ store, secrets, clock, isWelcome, limits }: VisitOptions): Visits {
  const isLive = (visit: Visit): boolean => !isOver(visit, clock.now(), limits().idleMs) && isWelcome(visit)
  const end = async (visits: readonly Visit[]): Promise<void> => {
    if (visits.length > 0) await store.remove(visits.map(({ id }) => id))
  }
  return {
    async begin(visitor) {
      const now = clock.now()
      const live = store.all().filter(isLive)
      const surplus = live
        .toSorted((a, b) => a.usedAt - b.usedAt)
        .slice(0, Math.max(0, live.length - MOST_VISITS + 1))
      await end([...store.all().filter((visit) => !isLive(visit)), ...surplus])
      const { secret, digest } = secrets.make('sps_')
      const times = { createdAt: now, usedAt: now, endsAt: later(now, limits().longestMs) }
      const visit: Visit = { id: secrets.newId(), digest, ...visitor, ...times }
      await store.add(visit)
      return { visit, secret }
    },
    of(secret) {
      const visit = store.byDigest(secrets.digest(secret))
      if (visit === undefined || !isLive(visit)) return undefined
      const now = clock.now()
      if (now - visit.usedAt >= TOUCH_MS) store.touch(visit.id, now)
      return visit
    },
    all: () => store.all().filter(isLive).toReversed(),
    end,
    endOf: (userId) => end(store.all().filter((visit) => visit.userId === userId)),
  }
}
