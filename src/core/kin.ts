/**
 * Conversations and their organization: its prompt caches and its thinking can be used by any
 * account of it, and by no other (`wire.md` §1.8). Must not choose among several.
 */
import type { AccountView, Situation } from './situation.ts'
import type { Choice } from './strategies.ts'

/**
 * A conversation that has to leave its account goes to one of the same organization first:
 * its prompt cache is there, and its thinking can be read there (`wire.md` §1.8). Undefined
 * where it need not leave, or there is no such account.
 */
export function kindred(
  views: readonly AccountView[],
  situation: Situation,
): readonly AccountView[] | undefined {
  const { binding } = situation
  const home = homeOf(situation)
  if (binding === undefined || home === undefined) return undefined
  if (views.some(({ account }) => account.id === binding.account)) return undefined
  const kin = views.filter((view) => view.organization === home)
  return kin.length > 0 ? kin : undefined
}

export const amongKin = ({ view, reason }: Choice): Choice => ({
  view,
  reason: `of the same organization as the conversation’s account; ${reason}`,
})

/** Blocks that these models have made are dropped without a word in another organization (`wire.md` §1.8). */
const BOUND_THINKING = /(?:sonnet|haiku)-5[-.]5/

/** The conversation's organization: its account's, though that may be gone, or become known only since. */
const homeOf = ({ binding, accounts }: Situation): string | undefined =>
  binding === undefined
    ? undefined
    : (binding.organization ?? accounts.find(({ account }) => account.id === binding.account)?.organization)

/** What a conversation loses by going to another organization is said in the row (G13). */
export function withFarewell(choice: Choice, situation: Situation): Choice {
  const { view, reason } = choice
  const { request } = situation
  const home = homeOf(situation)
  if (home === undefined || view.organization === home || !BOUND_THINKING.test(request.wanted ?? ''))
    return choice
  const loss = 'its provider drops this conversation’s earlier thinking, made in another organization'
  return { view, reason: `${reason}; ${loss}` }
}
