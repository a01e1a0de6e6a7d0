/**
 * Conversations and the accounts they are bound to. A conversation keeps its account
 * because its prompt cache lives there; a spill serves one request and leaves the binding
 * alone. Must not hash or read bodies: the parts of a key come as arguments.
 */
import type { AccountId } from './account.ts'
import { HOUR, later, MINUTE, type Millis } from './time.ts'
import type { Usage } from './usage.ts'

export interface Binding {
  readonly account: AccountId
  /** Where the conversation went while its account could not take it. */
  readonly spill: AccountId | undefined
  readonly boundAt: Millis
  readonly usedAt: Millis
  /** The bound account's organization: what belongs together outlives the account. */
  readonly organization: string | undefined
  readonly cache: CacheFacts
}

/** What is known of a conversation's prompt cache, from its own answers. */
export interface CacheFacts {
  /** Five minutes, or an hour where its writes last that long. */
  readonly lifeMs: number
  /** Tokens of its prompt that are in the bound account's cache. */
  readonly tokens: number
  /** When the bound account's cache was last used. */
  readonly touchedAt: Millis
  /** Tokens in the cache of the account that it spilled to. */
  readonly spillTokens: number
  /** What its requests have cost since it was bound. */
  readonly paidUsd: number
}

/** How long a prompt cache lives since its last use, unless its writes say an hour. */
export const CACHE_LIFE_MS = 5 * MINUTE
export const LONG_CACHE_LIFE_MS = HOUR

export const isAlive = (binding: Binding, sessionMs: number, now: Millis): boolean =>
  now - binding.usedAt < sessionMs

/** Whether the bound account still has the conversation in its cache. */
export const isWarm = ({ cache }: Binding, now: Millis): boolean => now - cache.touchedAt < cache.lifeMs

interface Success {
  readonly account: AccountId
  readonly organization: string | undefined
  /** When the bound account can take requests again; undefined if it can now. */
  readonly awayUntil: Millis | undefined
  readonly now: Millis
}

/**
 * The binding after a request of the conversation succeeded on `account`. A spill leaves it
 * where it is, unless the bound account will be away until its cache has gone cold.
 */
export function bindingAfter(binding: Binding | undefined, success: Success): Binding {
  const { account, awayUntil, now } = success
  if (binding === undefined) return boundTo(success, NEW_CACHE)
  if (binding.account === account)
    return { ...binding, usedAt: now, cache: { ...binding.cache, touchedAt: now } }
  const { cache } = binding
  if (awayUntil !== undefined && awayUntil >= later(cache.touchedAt, cache.lifeMs))
    return boundTo(success, {
      lifeMs: cache.lifeMs,
      tokens: binding.spill === account ? cache.spillTokens : 0,
    })
  // What another account holds of it is no longer known when it spills elsewhere.
  const spillTokens = binding.spill === account ? cache.spillTokens : 0
  return { ...binding, spill: account, usedAt: now, cache: { ...cache, spillTokens } }
}

const NEW_CACHE = { lifeMs: CACHE_LIFE_MS, tokens: 0 }

const boundTo = (
  { account, organization, now }: Success,
  { lifeMs, tokens }: Pick<CacheFacts, 'lifeMs' | 'tokens'>,
): Binding => ({
  account,
  spill: undefined,
  boundAt: now,
  usedAt: now,
  organization,
  cache: { lifeMs, tokens, touchedAt: now, spillTokens: 0, paidUsd: 0 },
})

/**
 * What an answer's own count tells of the conversation's cache: how long it lives, how much
 * is in it. A conversation whose spill has more of it in its cache than its own account would
 * find moves there: to return would cost more than it saves.
 */
export function afterUsage(binding: Binding, served: Served): Binding {
  const { account, usage, now } = served
  const { cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage
  const tokens = cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens
  const { cache } = binding
  const written = cacheWrite1hTokens > 0 ? LONG_CACHE_LIFE_MS : CACHE_LIFE_MS
  // What is only read keeps the life that it was written with.
  const lifeMs = cacheWrite1hTokens + cacheWrite5mTokens === 0 ? cache.lifeMs : written
  const paidUsd = cache.paidUsd + served.costUsd
  if (binding.account === account) {
    const touchedAt = tokens === 0 ? cache.touchedAt : now
    return { ...binding, cache: { ...cache, lifeMs, tokens, touchedAt, paidUsd } }
  }
  if (binding.spill !== account) return binding
  if (tokens - cache.tokens <= cache.tokens) return { ...binding, cache: { ...cache, spillTokens: tokens } }
  return boundTo({ ...served, awayUntil: undefined }, { lifeMs, tokens })
}

interface Served {
  readonly account: AccountId
  readonly organization: string | undefined
  readonly usage: Usage
  readonly costUsd: number
  readonly now: Millis
}

/** The binding when the operator moves the conversation to another account: its cache stays behind. */
export const movedTo = (binding: Binding | undefined, to: Omit<Success, 'awayUntil'>): Binding =>
  binding?.account === to.account
    ? binding
    : boundTo(
        { ...to, awayUntil: undefined },
        {
          lifeMs: binding?.cache.lifeMs ?? CACHE_LIFE_MS,
          tokens: binding?.spill === to.account ? binding.cache.spillTokens : 0,
        },
      )

/** Tokens that have to be written anew when the conversation goes on somewhere else. */
export const movingTokens = (binding: Binding, to: AccountId): number =>
  Math.max(0, binding.cache.tokens - (binding.spill === to ? binding.cache.spillTokens : 0))

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

/** The key of a session's conversation: its main loop's, or that of one of its agents. */
export const conversationKey = (session: string, agent: string | undefined): string =>
  agent === undefined ? session : `${session}/${agent}`

/** Undefined when the request names no session: the caller then digests its beginning. */
export function conversationOf(signs: ConversationSigns): Conversation | undefined {
  const session = signs.sessionHeader || signs.userSession
  if (!session) return undefined
  const agent = signs.agentHeader || undefined
  return { key: conversationKey(session, agent), session, agent }
}
