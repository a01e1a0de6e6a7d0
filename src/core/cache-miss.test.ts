/** Why a prompt cache was missed: each cause, what is no miss, and what never happens. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { idOf, NOON } from '../../test/support/samples.ts'
import {
  type CachedPrompt,
  type CacheUse,
  cachedAfter,
  cachedTokens,
  cacheVerdict,
  MISS_CAUSES,
  type PromptPrefix,
} from './cache-miss.ts'
import { rewriteUsd } from './cost.ts'
import { HOUR, later, MINUTE } from './time.ts'
import { NO_USAGE, type Usage } from './usage.ts'

describe('what is no miss', () => {
  it('says nothing where nothing is cached', () => {
    expect(cacheVerdict([cached()], use({ usage: usageOf({}) }))).toBeUndefined()
  })

  it('is the first prompt of a conversation', () => {
    expect(cacheVerdict([], use({ usage: usageOf({ write: 50_000 }) }))).toEqual({ kind: 'first' })
  })

  it('is a prompt that was read as far as it had been cached', () => {
    const usage = usageOf({ read: 100_000, write: 5_000 })
    expect(cacheVerdict([cached()], use({ usage }))).toEqual({ kind: 'hit' })
  })

  it('is a loss of less than any model caches', () => {
    const usage = usageOf({ read: 99_600, write: 5_000 })
    expect(cacheVerdict([cached()], use({ usage }))).toEqual({ kind: 'hit' })
  })

  it('is a prompt at another account of the same organization', () => {
    const known = [cached({ organization: 'acme' })]
    const usage = usageOf({ read: 100_000, write: 300 })
    expect(cacheVerdict(known, use({ account: idOf('b'), organization: 'acme', usage }))).toEqual({
      kind: 'hit',
    })
  })

  it('is another conversation that goes by the same name', () => {
    const prefix = prefixOf({ tools: 9, system: 9, messages: [77] })
    expect(cacheVerdict([cached()], use({ prefix }))).toEqual({ kind: 'first' })
  })

  it('is a conversation that was taken back to an earlier turn', () => {
    const prefix = prefixOf({ messages: [1, 2] })
    const usage = usageOf({ read: 60_000, write: 800 })
    expect(cacheVerdict([cached()], use({ prefix, usage }))).toEqual({ kind: 'hit' })
  })

  it('is a model that it was asked of in turn with another one', () => {
    const haiku = cached({ model: 'claude-haiku-5-5', servedModel: 'claude-haiku-5-5', tokens: 2_000 })
    const usage = usageOf({ read: 100_000, write: 900 })
    expect(cacheVerdict([haiku, cached()], use({ usage }))).toEqual({ kind: 'hit' })
  })
})

describe('a miss', () => {
  it.each([
    ['another account', {}, { account: idOf('b') }, { cause: 'another-account' }],
    ['a cache that had ended', {}, { at: later(NOON, 5 * MINUTE) }, { cause: 'expired' }],
    [
      'another account, though the cache had ended anyway',
      {},
      { at: later(NOON, HOUR), account: idOf('b') },
      { cause: 'expired' },
    ],
    ['other tools', {}, { prefix: prefixOf({ tools: 9 }) }, { cause: 'changed-prefix', part: 'tools' }],
    [
      'other instructions',
      {},
      { prefix: prefixOf({ system: 9 }) },
      { cause: 'changed-prefix', part: 'system' },
    ],
    [
      'another message in the middle',
      {},
      { prefix: prefixOf({ messages: [1, 9, 3, 4] }) },
      { cause: 'changed-prefix', part: 'message 2' },
    ],
    [
      'another model that the client asked for',
      {},
      { model: 'claude-opus-5-5', servedModel: 'claude-opus-5-5' },
      { cause: 'model-changed' },
    ],
    [
      'another model that the account asked for',
      {},
      { servedModel: 'claude-opus-5-5' },
      { cause: 'model-changed' },
    ],
    ['nothing that can be seen', {}, {}, { cause: 'unknown' }],
  ] as const)('by %s', (_what, before, now, expected) => {
    expect(cacheVerdict([cached(before)], use(now))).toMatchObject({
      kind: 'miss',
      tokens: 100_000,
      ...expected,
    })
  })

  it('counts what had been cached and was written anew, and what that cost more than reading it', () => {
    const usage = usageOf({ read: 30_000, write: 200_000 })
    const usd = rewriteUsd('claude-sonnet-5-5', 70_000, { isLong: false, at: NOON })
    expect(cacheVerdict([cached()], use({ usage }))).toEqual({
      kind: 'miss',
      cause: 'unknown',
      tokens: 70_000,
      ...(usd === undefined ? {} : { usd }),
    })
    expect(usd).toBeGreaterThan(0)
  })

  it('names no price for a model that has none', () => {
    const known = [cached({ servedModel: 'glm-5' })]
    expect(cacheVerdict(known, use({ servedModel: 'glm-5' }))).not.toHaveProperty('usd')
  })

  it('lasts an hour where its writes do', () => {
    const known = cachedAfter([], use({ usage: usageOf({ longWrite: 100_000 }) }))
    const verdict = (minutes: number) => cacheVerdict(known, use({ at: later(NOON, minutes * MINUTE) }))
    expect(verdict(60)).toMatchObject({ cause: 'unknown' })
    expect(verdict(61)).toMatchObject({ cause: 'expired' })
  })

  it('does not see a message that is only written in another way', () => {
    const before = cached({ prefix: { ...prefixOf({ messages: [1, 2, 3] }), respelled: [[2, 33]] } })
    expect(cacheVerdict([before], use({ prefix: prefixOf({ messages: [1, 2, 33, 4] }) }))).toMatchObject({
      cause: 'unknown',
    })
    expect(cacheVerdict([before], use({ prefix: prefixOf({ messages: [1, 2, 34, 4] }) }))).toMatchObject({
      part: 'message 3',
    })
  })
})

describe('what is remembered', () => {
  it('keeps the life of a cache that was only read', () => {
    const written = cachedAfter([], use({ usage: usageOf({ longWrite: 1_000 }) }))
    const [read] = cachedAfter(written, use({ usage: usageOf({ read: 1_000 }) }))
    expect(read?.lifeMs).toBe(HOUR)
  })

  it('is one place for accounts of one organization, and at most four places', () => {
    const places = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => use({ account: idOf(name) }))
    const apart = places.reduce<readonly CachedPrompt[]>(cachedAfter, [])
    expect(apart.map(({ account }) => account)).toEqual(['f', 'e', 'd', 'c'].map(idOf))
    const together = places
      .map((each) => ({ ...each, organization: 'acme' }))
      .reduce<readonly CachedPrompt[]>(cachedAfter, [])
    expect(together).toHaveLength(1)
  })
})

describe('whatever happens', () => {
  const anyUsage = fc.record({
    read: fc.integer({ min: 0, max: 200_000 }),
    write: fc.integer({ min: 0, max: 200_000 }),
  })
  const anyUse = fc.record({
    account: fc.constantFrom('a', 'b', 'c'),
    organization: fc.constantFrom(undefined, 'acme'),
    model: fc.constantFrom('claude-sonnet-5-5', 'claude-opus-5-5'),
    minutes: fc.integer({ min: 0, max: 120 }),
    messages: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 5 }),
    tools: fc.constantFrom(0, 1),
    usage: anyUsage,
  })

  it('no miss counts more than was cached before, nor more than was written', () => {
    fc.assert(
      fc.property(fc.array(anyUse, { minLength: 1, maxLength: 12 }), (uses) => {
        let known: readonly CachedPrompt[] = []
        let at = NOON
        for (const { minutes, messages, tools, account, usage, ...rest } of uses) {
          at = later(at, minutes * MINUTE)
          const prefix = prefixOf({ tools, messages })
          const now = use({
            ...rest,
            servedModel: rest.model,
            account: idOf(account),
            at,
            prefix,
            usage: usageOf(usage),
          })
          const verdict = cacheVerdict(known, now)
          expect(verdict === undefined).toBe(cachedTokens(now.usage) === 0)
          if (verdict?.kind === 'miss') {
            expect(MISS_CAUSES).toContain(verdict.cause)
            expect(verdict.tokens).toBeGreaterThan(0)
            expect(verdict.tokens).toBeLessThanOrEqual(usage.write)
            expect(verdict.tokens).toBeLessThanOrEqual(Math.max(...known.map(({ tokens }) => tokens)))
            expect(verdict.part !== undefined).toBe(verdict.cause === 'changed-prefix')
          }
          known = cachedAfter(known, now)
        }
      }),
    )
  })
})

interface Tokens {
  readonly read?: number
  readonly write?: number
  readonly longWrite?: number
}

const usageOf = ({ read = 0, write = 0, longWrite = 0 }: Tokens): Usage => ({
  ...NO_USAGE,
  inputTokens: 3,
  cacheReadTokens: read,
  cacheWrite5mTokens: write,
  cacheWrite1hTokens: longWrite,
})

interface Parts {
  readonly tools?: number
  readonly system?: number
  readonly messages?: readonly number[]
}

const prefixOf = ({ tools = 1, system = 1, messages = [1, 2, 3, 4] }: Parts): PromptPrefix => ({
  tools,
  system,
  messages: Uint32Array.from(messages),
  respelled: [],
  settled: undefined,
})

/** 100,000 tokens at the account "a", a moment ago. */
const cached = (fields: Partial<CachedPrompt> = {}): CachedPrompt => ({
  account: idOf('a'),
  organization: undefined,
  model: 'claude-sonnet-5-5',
  servedModel: 'claude-sonnet-5-5',
  tokens: 100_000,
  lifeMs: 5 * MINUTE,
  touchedAt: NOON,
  prefix: prefixOf({ messages: [1, 2, 3] }),
  ...fields,
})

/** The next turn, of which nothing was found in a cache. */
const use = ({
  prefix = prefixOf({}),
  ...fields
}: Partial<Omit<CacheUse, 'prefix'>> & { readonly prefix?: PromptPrefix }): CacheUse => ({
  account: idOf('a'),
  organization: undefined,
  model: 'claude-sonnet-5-5',
  servedModel: 'claude-sonnet-5-5',
  usage: usageOf({ write: 110_000 }),
  at: later(NOON, MINUTE),
  prefix: () => prefix,
  ...fields,
})
