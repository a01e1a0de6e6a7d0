/**
 * Why a prompt cache was not read: from what the conversation had in caches before, where this
 * request went, and the provider's own count. Parts of prompts come as hashes; must not see
 * their text, and says nothing where nothing is cached at all.
 */
import type { AccountId } from './account.ts'
import { rewriteUsd } from './cost.ts'
import { CACHE_LIFE_MS, LONG_CACHE_LIFE_MS } from './session.ts'
import type { Millis } from './time.ts'
import type { Usage } from './usage.ts'

/** What a cached prompt begins with, in the provider's order; hashes, up to its last breakpoint. */
export interface PromptPrefix {
  readonly tools: number
  readonly system: number
  readonly messages: Uint32Array
  /** Messages that can be written in two ways that mean the same: place and hash of the other one. */
  readonly respelled: readonly (readonly [place: number, hash: number])[]
  /** The messages before its first breakpoint as they were written: the next prompt mostly begins with them. */
  readonly settled: SettledMessages | undefined
}

export interface SettledMessages {
  readonly count: number
  readonly bytes: number
  readonly digest: string
}

/** Where a conversation is cached, and what of it: after one answer. */
export interface CachedPrompt {
  readonly account: AccountId
  /** Caches belong to an organization (`wire.md` §1.8). */
  readonly organization: string | undefined
  /** As the client asked for it, and as the account was asked. */
  readonly model: string | undefined
  readonly servedModel: string | undefined
  readonly tokens: number
  readonly lifeMs: number
  readonly touchedAt: Millis
  readonly prefix: PromptPrefix
}

export const MISS_CAUSES = [
  'another-account',
  'expired',
  'changed-prefix',
  'model-changed',
  'unknown',
] as const
export type MissCause = (typeof MISS_CAUSES)[number]

export type CacheVerdict =
  | { readonly kind: 'hit' }
  /** Nothing of it was in a cache before. */
  | { readonly kind: 'first' }
  | CacheMiss

export interface CacheMiss {
  readonly kind: 'miss'
  readonly cause: MissCause
  /** For `changed-prefix`: "tools", "system" or "message 12". */
  readonly part?: string
  /** That had been cached and were written anew. */
  readonly tokens: number
  /** What that cost more than reading them; absent where the model has no price. */
  readonly usd?: number
}

export interface CacheUse extends Omit<CachedPrompt, 'tokens' | 'lifeMs' | 'touchedAt' | 'prefix'> {
  readonly usage: Usage
  /** When the request came, which is when its cache was looked up. */
  readonly at: Millis
  /** Worked out only where the verdict depends on it. */
  readonly prefix: () => PromptPrefix
}

/** The smallest prefix that any model caches (`wire.md` §1.3): less is no loss worth a word. */
const LEAST_TOKENS = 512

export const cachedTokens = ({ cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens }: Usage): number =>
  cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens

/** `known`: the conversation's cached prompts, newest first. Undefined where nothing is cached. */
export function cacheVerdict(known: readonly CachedPrompt[], use: CacheUse): CacheVerdict | undefined {
  const { usage } = use
  if (cachedTokens(usage) === 0) return undefined
  const before = known.find(({ model }) => model === use.model) ?? known[0]
  if (before === undefined) return { kind: 'first' }
  const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
  const tokens = Math.min(before.tokens - usage.cacheReadTokens, written)
  if (tokens < LEAST_TOKENS) return { kind: 'hit' }
  const change = changeBetween(before.prefix, use.prefix())
  if (change === 'unrelated') return { kind: 'first' }
  const cause = causeOf(before, use, change)
  if (cause === undefined) return { kind: 'hit' }
  const isLong = usage.cacheWrite1hTokens > 0
  const usd = rewriteUsd(use.servedModel ?? '', tokens, { isLong, at: use.at })
  return {
    kind: 'miss',
    cause,
    ...(cause === 'changed-prefix' && change !== undefined ? { part: change } : {}),
    tokens,
    ...(usd === undefined ? {} : { usd }),
  }
}

/** What is sure comes first: a cache that had ended could not be read from anywhere. */
function causeOf(before: CachedPrompt, use: CacheUse, change: PrefixChange): MissCause | undefined {
  if (use.at - before.touchedAt >= before.lifeMs) return 'expired'
  if (before.model !== use.model) return 'model-changed'
  if (!isSamePlace(before, use)) return 'another-account'
  if (before.servedModel !== use.servedModel) return 'model-changed'
  // A conversation that was taken back to an earlier turn has lost nothing that it still needs.
  if (change === 'shortened') return undefined
  return change === undefined ? 'unknown' : 'changed-prefix'
}

type Place = Pick<CachedPrompt, 'account' | 'organization'>

const isSamePlace = (a: Place, b: Place): boolean =>
  a.account === b.account || (a.organization !== undefined && a.organization === b.organization)

/** A conversation may be asked of several models, and spill. */
const MOST_PLACES = 4

/** The conversation's cached prompts after this answer. */
export function cachedAfter(known: readonly CachedPrompt[], use: CacheUse): readonly CachedPrompt[] {
  const { usage, at, prefix, ...place } = use
  const tokens = cachedTokens(usage)
  if (tokens === 0) return known
  const same = known.find((each) => isSame(each, use))
  const others = known.filter((each) => each !== same)
  const now = { ...place, tokens, lifeMs: lifeAfter(same, usage), touchedAt: at, prefix: prefix() }
  return [now, ...others].slice(0, MOST_PLACES)
}

const isSame = (cached: CachedPrompt, use: CacheUse): boolean =>
  cached.model === use.model && cached.servedModel === use.servedModel && isSamePlace(cached, use)

/** What is only read keeps the life that it was written with. */
function lifeAfter(
  before: CachedPrompt | undefined,
  { cacheWrite5mTokens, cacheWrite1hTokens }: Usage,
): number {
  if (cacheWrite1hTokens > 0) return LONG_CACHE_LIFE_MS
  return cacheWrite5mTokens > 0 ? CACHE_LIFE_MS : (before?.lifeMs ?? CACHE_LIFE_MS)
}

/** The first part that differs; undefined where the earlier prompt is what this one begins with. */
type PrefixChange = 'unrelated' | 'shortened' | string | undefined

export function changeBetween(before: PromptPrefix, now: PromptPrefix): PrefixChange {
  const isBeginningSame = before.tools === now.tools && before.system === now.system
  const length = Math.min(before.messages.length, now.messages.length)
  if (!isBeginningSame) {
    // Nothing in common: another conversation that goes by the same name.
    if (length > 0 && !isSameMessage(before, now, 0)) return 'unrelated'
    return before.tools === now.tools ? 'system' : 'tools'
  }
  for (let place = 0; place < length; place++)
    if (!isSameMessage(before, now, place)) return `message ${place + 1}`
  return now.messages.length < before.messages.length ? 'shortened' : undefined
}

function isSameMessage(before: PromptPrefix, now: PromptPrefix, place: number): boolean {
  const [was, is] = [before.messages[place], now.messages[place]]
  return was === is || respelling(before, place) === is || respelling(now, place) === was
}

const respelling = ({ respelled }: PromptPrefix, place: number): number | undefined =>
  respelled.find(([each]) => each === place)?.[1]
