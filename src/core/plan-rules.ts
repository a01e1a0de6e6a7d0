/**
 * Which families of models a plan is known not to have. Seen from outside, and plans change:
 * an account's own list of models outranks this, and whatever a provider refuses is learnt.
 * Must not know accounts.
 */

/**
 * The older Claude load balancers kept Opus away from Pro accounts (community reports; not
 * documented by the vendor). Of today's families the largest are metered apart or not in the
 * small plans at all; only what is common to all reports is ruled out here.
 */
const LACKING: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['claude_free', new Set(['opus', 'fable', 'mythos'])],
  ['claude_pro', new Set(['mythos'])],
])

export const planWithout = (plan: string, family: string): boolean => LACKING.get(plan)?.has(family) === true
