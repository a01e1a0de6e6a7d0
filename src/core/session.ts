/**
 * Conversations and the accounts they are bound to. A conversation keeps its account
 * because its prompt cache lives there; a spill serves one request and leaves the binding
 * alone. Must not hash or read bodies: the parts of a key come as arguments.
 */
import type { AccountId } from './account.ts'
import { MINUTE, type Millis } from './time.ts'

export interface Binding {
  readonly account: AccountId
  /** Where the conversation went while its account could not take it. */
  readonly spill: AccountId | undefined
  readonly boundAt: Millis
  readonly usedAt: Millis
}

/** A five-minute cache has gone cold by then, so staying bound is worth nothing any more. */
export const CACHE_LIFE_MS = 5 * MINUTE

export const isAlive = (binding: Binding, sessionMs: number, now: Millis): boolean =>
  now - binding.usedAt < sessionMs

/**
 * The binding after a request of the conversation succeeded on `account`. `awayUntil` is
 * when the bound account can take requests again, undefined if it can now.
 */
export function bindingAfter(
  binding: Binding | undefined,
  success: { readonly account: AccountId; readonly awayUntil: Millis | undefined; readonly now: Millis },
): Binding {
  const { account, awayUntil, now } = success
  if (binding === undefined) return { account, spill: undefined, boundAt: now, usedAt: now }
  if (binding.account === account) return { ...binding, usedAt: now }
  const isColdByThen = awayUntil !== undefined && awayUntil - now > CACHE_LIFE_MS
  return isColdByThen
    ? { account, spill: undefined, boundAt: now, usedAt: now }
    : { ...binding, spill: account, usedAt: now }
}

/** What identifies a conversation, in the order of preference of `wire.md` §3.2. */
export interface ConversationSigns {
  /** `x-claude-code-session-id`. */
  readonly sessionHeader: string | undefined
  /** `x-claude-code-agent-id`: agents share the session, not the cache. */
  readonly agentHeader: string | undefined
  /** The session inside `metadata.user_id`. */
  readonly userSession: string | undefined
}

/** The session as clients know it, and the key of the conversation within it. */
export interface Conversation {
  readonly key: string
  readonly session: string
  readonly agent: string | undefined
}

/** Undefined when the request names no session: the caller then digests its beginning. */
export function conversationOf(signs: ConversationSigns): Conversation | undefined {
  const session = signs.sessionHeader || signs.userSession
  if (!session) return undefined
  const agent = signs.agentHeader || undefined
  return { key: agent === undefined ? session : `${session}/${agent}`, session, agent }
}
