/**
 * A session that the operator has pinned goes to its account as long as that can take it at
 * all; while it cannot, the session spills like any other, and its decision says so. Must not
 * say who can take a request.
 */
import type { AccountView, Situation } from './situation.ts'
import type { Choice } from './strategies.ts'

/** The pinned account, where it can take requests, though others would go before it. */
export function pinnedIn(able: Able, { pin }: Pick<Situation, 'pin'>): Choice | undefined {
  if (pin === undefined) return undefined
  const isPinned = ({ account }: AccountView): boolean => account.id === pin
  const view = able.usable.find(isPinned) ?? able.lastResort.find(isPinned)
  return view && { view, reason: 'the session is pinned to this account' }
}

interface Able {
  readonly usable: readonly AccountView[]
  readonly lastResort: readonly AccountView[]
}

/** What is said of a choice that had to be made in the place of the pinned account. */
export function beyondPin(choice: Choice, { pin, accounts }: Pick<Situation, 'pin' | 'accounts'>): Choice {
  const pinned = pin && accounts.find(({ account }) => account.id === pin)
  if (!pinned || pinned === choice.view) return choice
  const { view, reason } = choice
  return { view, reason: `${pinned.account.name}, to which the session is pinned, cannot take it; ${reason}` }
}
