/**
 * The strategies: each chooses among the accounts that can take a request and says why. One function and one row in the table each. Must not refuse anybody: who can
 * take a request is `refusalOf`'s to say.
 */
import type { AccountId } from './account.ts'
import type { AccountView, Situation } from './situation.ts'

export type StrategyName = 'affinity' | 'session' | 'round-robin' | 'least-requests'

export interface Choice {
  readonly view: AccountView
  readonly reason: string
}

/** Chooses among accounts that can all take the request; undefined when there are none. */
export type Strategy = (usable: readonly AccountView[], situation: Situation) => Choice | undefined

interface StrategyRow {
  readonly name: StrategyName
  readonly description: string
  readonly choose: Strategy
}

const affinity: Strategy = (usable, { binding }) => {
  const bound = binding && find(usable, binding.account)
  if (bound) return { view: bound, reason: 'the conversation’s account: its cache is warm there' }
  const spill = binding && find(usable, binding.spill)
  if (spill) return { view: spill, reason: 'the conversation spilled here before' }
  return first(usable, [byPriority, byInFlight, byTurn], 'best priority, then fewest requests in flight')
}

const session: Strategy = (usable, { now, sessionMs }) => {
  const isOpen = (view: AccountView) => view.session !== undefined && now - view.session.startedAt < sessionMs
  return (
    first(usable.filter(isOpen), [byPriority, bySessionStart], 'its session is running') ??
    first(usable, [byPriority, byTurn], 'a new session begins')
  )
}

const roundRobin: Strategy = (usable) => first(usable, [byPriority, byTurn], 'longest without a turn')

const leastRequests: Strategy = (usable) =>
  first(usable, [byPriority, byInFlight, byBegun, byTurn], 'fewest requests')

export const STRATEGIES: readonly StrategyRow[] = [
  {
    name: 'affinity',
    description:
      'Each conversation stays on one account, so its prompt cache stays warm; new ones go by priority, then fewest in flight.',
    choose: affinity,
  },
  {
    name: 'session',
    description:
      'One account for everybody while its session runs (5 hours unless set), then the next by priority.',
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
]

export const isStrategy = (text: string): text is StrategyName => STRATEGIES.some((row) => row.name === text)

export function strategyOf(name: StrategyName): Strategy {
  return STRATEGIES.find((row) => row.name === name)?.choose ?? affinity
}

type Comparison = (a: AccountView, b: AccountView) => number

const byPriority: Comparison = (a, b) => a.account.priority - b.account.priority
const byInFlight: Comparison = (a, b) => a.inFlight - b.inFlight
const byBegun: Comparison = (a, b) => a.begun - b.begun
const byTurn: Comparison = (a, b) => a.lastTurn - b.lastTurn
const bySessionStart: Comparison = (a, b) => (b.session?.startedAt ?? 0) - (a.session?.startedAt ?? 0)

/** The best by the first comparison that tells any two apart. */
function first(
  usable: readonly AccountView[],
  comparisons: readonly Comparison[],
  reason: string,
): Choice | undefined {
  let best: AccountView | undefined
  for (const view of usable) if (best === undefined || isBefore(view, best, comparisons)) best = view
  return best === undefined ? undefined : { view: best, reason }
}

function isBefore(a: AccountView, b: AccountView, comparisons: readonly Comparison[]): boolean {
  for (const compare of comparisons) {
    const difference = compare(a, b)
    if (difference !== 0) return difference < 0
  }
  return false
}

const find = (usable: readonly AccountView[], id: AccountId | undefined): AccountView | undefined =>
  usable.find(({ account }) => account.id === id)
