/**
 * Which families of models a plan is known not to have. Seen from outside, and plans change:
 * an account's own list of models outranks this, and whatever a provider refuses is learnt
 * (`health.ts`). Must not know accounts.
 */

/**
 * No vendor's page says this, so it is kept to what is least in doubt. A rule too many refuses
 * what could have been served; a rule too few costs one attempt, after which the refusal itself
 * is remembered.
 *
 * - `claude_pro` and Mythos: likely. Claude Code has a default model for Opus, Sonnet, Haiku and
 *   Fable and none for Mythos (`wire.md` §3.6); no meter of a subscription names it (§1.7).
 * - `claude_pro` and Fable: no rule. Subscriptions have a meter for it (§1.7), and nothing says
 *   which plans.
 * - `claude_pro` and Opus: no rule any more. The older load balancers kept Opus away from Pro
 *   accounts; that was of models at three times the price of today's (§7.1).
 * - `claude_free`: a guess. Neither its name nor that it can be signed in to is confirmed (§2.6).
 */
const PLAN_RULES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['claude_pro', new Set(['mythos'])],
  ['claude_free', new Set(['opus', 'fable', 'mythos'])],
])

/** The families that the plan lacks; the same object each time, undefined where it lacks none. */
export const lackingIn = (plan: string): ReadonlySet<string> | undefined => PLAN_RULES.get(plan)
