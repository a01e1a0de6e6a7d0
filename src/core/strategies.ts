/**
 * The strategies: each chooses among the accounts that can take a request and says why. One
 * function and one row in the table each. Must not refuse anybody: who can take a request
 * is `refusalOf`'s to say.
 */
import type { Account } from './account.ts'
import { familyOf } from './model.ts'
import type { AccountView, Situation } from './situation.ts'
import { isStaying } from './staying.ts'

export type StrategyName =
  | 'affinity'
  | 'session'
  | 'round-robin'
  | 'least-requests'
  | 'weighted'
  | 'weighted-round-robin'
  | 'drain-soonest'
  | 'headroom'

export interface Choice {
  readonly view: AccountView
  readonly reason: string
}

/** Chooses among accounts that can all take the request; undefined when there are none. */
export type Strategy = (candidates: Candidates, situation: Situation) => Choice | undefined

export interface Candidates {
  /** Those of the best tier of the pool. */
  readonly usable: readonly AccountView[]
  /** The conversation's own account, of whatever tier, if it can take the request. */
  readonly bound: AccountView | undefined
}

interface StrategyRow {
  readonly name: StrategyName
  readonly description: string
  readonly choose: Strategy
}

const affinity: Strategy = ({ usable, bound }, situation) => {
  const { binding } = situation
  if (bound !== undefined && isStaying(bound, usable, situation))
    return { view: bound, reason: 'the conversation’s account: its cache is warm there' }
  const spill = binding?.spill && usable.find(({ account }) => account.id === binding.spill)
  if (spill) return { view: spill, reason: 'the conversation spilled here before' }
  const roomiest = leastBy(bestPriority(usable), byRoom, situation)
  const [one] = roomiest
  const isFull = one !== undefined && byRoom(one, situation) >= 0
  // Whoever begins where its conversations will spend a window has to move soon.
  return isFull
    ? first(
        roomiest,
        situation,
        [bySpare, byLoad, byInFlight, byTurn],
        'best priority, then most to spare: none has room',
      )
    : first(roomiest, situation, [byLoad, byInFlight, byTurn], 'best priority, then most room')
}

/** One for everybody; a better priority that can be used again has a new window, and takes over. */
const session: Strategy = ({ usable }, situation) => {
  const { now, sessionMs } = situation
  const best = bestPriority(usable)
  const isOpen = ({ session: own }: AccountView) => own !== undefined && now - own.startedAt < sessionMs
  return (
    first(best.filter(isOpen), situation, [bySessionStart], 'its session is running') ??
    first(best, situation, [byTurn], 'a new session begins')
  )
}

const roundRobin: Strategy = ({ usable }, situation) =>
  first(usable, situation, [byTurn], 'longest without a turn')

const leastRequests: Strategy = ({ usable }, situation) =>
  first(usable, situation, [byInFlight, byBegun, byTurn], 'fewest requests')

/** By chance, so that shares hold without anything to remember. */
const weighted: Strategy = ({ usable }, { chance }) => {
  const best = bestPriority(usable)
  let left = chance * best.reduce((sum, { account }) => sum + shareOf(account), 0)
  for (const view of best) {
    left -= shareOf(view.account)
    if (left < 0) return { view, reason: `drawn by lot, its share being ${shareOf(view.account)}` }
  }
  const last = best.at(-1)
  return last && { view: last, reason: `drawn by lot, its share being ${shareOf(last.account)}` }
}

const weightedRoundRobin: Strategy = ({ usable }, situation) =>
  first(usable, situation, [byDue, byShare, byTurn], 'its turn by its share')

const drainSoonest: Strategy = ({ usable }, situation) =>
  first(usable, situation, [byReset, byLoad, byTurn], 'its quota expires first')

const headroom: Strategy = ({ usable }, situation) =>
  first(usable, situation, [byRunway, byLoad, byTurn], 'the longest runway at its pace')

export const STRATEGIES: readonly StrategyRow[] = [
  {
    name: 'affinity',
    description:
      'Each conversation stays on one account, so its prompt cache stays warm; new ones go by group, priority, then least load for the headroom.',
    choose: affinity,
  },
  {
    name: 'session',
    description:
      'One account for everybody while its session runs (5 hours unless set), then the next by priority; a better priority takes over when it can be used again.',
    choose: session,
  },
  {
    name: 'round-robin',
    description: 'Accounts of the best priority take turns, request by request.',
    choose: roundRobin,
  },
  {
    name: 'least-requests',
    description: 'The account with the fewest requests in flight, then with the fewest since the start.',
    choose: leastRequests,
  },
  {
    name: 'weighted',
    description: 'Drawn by lot for each request; an account’s share is its weight times its tier.',
    choose: weighted,
  },
  {
    name: 'weighted-round-robin',
    description: 'Accounts take turns, evenly spread, as often as their weight times their tier says.',
    choose: weightedRoundRobin,
  },
  {
    name: 'drain-soonest',
    description:
      'The account whose remaining quota expires first, so that as little as possible goes to waste.',
    choose: drainSoonest,
  },
  {
    name: 'headroom',
    description: 'The account that lasts longest at its present pace, over all its windows.',
    choose: headroom,
  },
]

const byName = new Map(STRATEGIES.map((row) => [row.name, row]))

export const isStrategy = (text: string): text is StrategyName => STRATEGIES.some((row) => row.name === text)

export const strategyOf = (name: StrategyName): Strategy => byName.get(name)?.choose ?? affinity

/** What `weighted` and its turns go by. A tier of 0 says nothing. */
export const shareOf = ({ weight, tier }: Pick<Account, 'weight' | 'tier'>): number =>
  Math.max(LEAST_SHARE, weight * (tier > 0 ? tier : 1))

const LEAST_SHARE = 0.001

/** The less the better. */
type Measure = (view: AccountView, situation: Situation) => number

const byInFlight: Measure = ({ inFlight }) => inFlight
const byBegun: Measure = ({ begun }) => begun
const byTurn: Measure = ({ lastTurn }) => lastTurn
const byDue: Measure = ({ dueAt }) => dueAt
const byShare: Measure = ({ account }) => -shareOf(account)
const bySessionStart: Measure = (view) => -(view.session?.startedAt ?? 0)
const byReset: Measure = (view) => view.headroom.expiresAt
const byRunway: Measure = (view) => -view.headroom.runwayHours

/** Most room first. */
const byRoom: Measure = ({ headroom: { room, familyRooms } }, { request }) =>
  -leastFor(room, familyRooms, request.wanted)
const bySpare: Measure = ({ headroom: { spare, families } }, { request }) =>
  -leastFor(spare, families, request.wanted)

const LEAST_SPARE = 0.01

/** Expected tokens in flight, this request's included, against what its plan has to spare. */
const byLoad: Measure = (view, situation) => {
  const { request } = situation
  const { tier } = view.account
  const spare = Math.max(LEAST_SPARE, -bySpare(view, situation))
  return (view.expectedTokens + request.tokens) / (spare * (tier > 0 ? tier : 1))
}

function leastFor(
  all: number,
  families: ReadonlyMap<string, number> | undefined,
  model: string | undefined,
): number {
  if (families === undefined || model === undefined) return all
  return Math.min(all, families.get(familyOf(model)) ?? all)
}

/** Those of the best priority; the same list where all are alike, as they mostly are. */
function bestPriority(usable: readonly AccountView[]): readonly AccountView[] {
  const { priority } = usable[0]?.account ?? { priority: 0 }
  let best = priority
  let isMixed = false
  for (const { account } of usable) {
    if (account.priority === priority) continue
    isMixed = true
    if (account.priority < best) best = account.priority
  }
  return isMixed ? usable.filter(({ account }) => account.priority === best) : usable
}

/**
 * Of the best priority the best by the first measure that tells any two apart, the first of equals. Later measures
 * are asked only of those that the earlier ones left, and little is copied: there may be a
 * thousand accounts.
 */
function first(
  usable: readonly AccountView[],
  situation: Situation,
  measures: readonly Measure[],
  reason: string,
): Choice | undefined {
  let left = bestPriority(usable)
  for (const measure of measures) {
    if (left.length < 2) break
    left = leastBy(left, measure, situation)
  }
  const [view] = left
  return view === undefined ? undefined : { view, reason }
}

/** Those with the least of a measure; the same list where all are equal. */
function leastBy(
  views: readonly AccountView[],
  measure: Measure,
  situation: Situation,
): readonly AccountView[] {
  const values = new Float64Array(views.length)
  let least = Number.POSITIVE_INFINITY
  let count = 0
  let at = 0
  for (const view of views) {
    const value = measure(view, situation)
    values[at++] = value
    if (value > least) continue
    count = value < least ? 1 : count + 1
    least = value
  }
  if (count === views.length) return views
  return views.filter((_, index) => values[index] === least)
}
