/** Hashes of a prompt's parts: what changes them, what does not, and that old ones are taken over only where they hold. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { ATTRIBUTION, bodyOf } from '../../../test/support/claude-code.ts'
import { changeBetween, type PromptPrefix } from '../../core/cache-miss.ts'
import { readPrefix } from './prefix.ts'
import { readMessagesRequest } from './request.ts'

const MARK = { cache_control: { type: 'ephemeral' } }
const LONG_MARK = { cache_control: { type: 'ephemeral', ttl: '1h' } }

describe('a prompt’s prefix', () => {
  it('is the same for the next turn of Claude Code, whose breakpoints have moved on', () => {
    const turn = (past: number) => prefixOf(JSON.parse(bodyOf({ session: 's', turn: past })))
    expect(changeBetween(turn(3), turn(4))).toBeUndefined()
    const first = prompt(user([text('a'), text('b', MARK)]))
    const second = prompt(user([text('a'), text('b')]), answer('c'), user([text('d', LONG_MARK)]))
    expect(changeBetween(first, second)).toBeUndefined()
  })

  it('is the same where a marked list of one text becomes a mere text, and the other way round', () => {
    const marked = prompt(user([text('a \\ "b"', MARK)]))
    const plain = prompt(user('a \\ "b"'), answer('c'), user([text('d', MARK)]))
    expect(changeBetween(marked, plain)).toBeUndefined()
    expect(changeBetween(plain, prompt(user([text('a \\ "b"', MARK)]), answer('c')))).not.toBe('message 1')
    expect(changeBetween(marked, prompt(user('a \\ "c"'), user([text('d', MARK)])))).toBe('message 1')
  })

  it.each([
    ['the tools', { tools: [{ name: 'Read' }] }, 'tools'],
    ['the instructions', { system: [text('be brief')] }, 'system'],
    ['an early message', { messages: [user('other'), answer('b'), user([text('c', MARK)])] }, 'message 1'],
    ['a later one', { messages: [user('a'), answer('other'), user([text('c', MARK)])] }, 'message 2'],
    ['its role', { messages: [user('a'), user('b'), user([text('c', MARK)])] }, 'message 2'],
  ])('changes with %s', (_what, change, part) => {
    const before = {
      tools: [{ name: 'Bash' }],
      system: [text('be thorough')],
      messages: [user('a'), answer('b'), user([text('c', MARK)])],
    }
    expect(changeBetween(prefixOf(before), prefixOf({ ...before, ...change }))).toBe(part)
  })

  it('does not change with who Claude Code says has sent it', () => {
    const signed = (by: string) =>
      prefixOf({ system: [text(by), text('be brief', MARK)], messages: [user('a')] })
    expect(signed(ATTRIBUTION).system).toBe(signed(`${ATTRIBUTION} more`).system)
    expect(signed('You are one.').system).not.toBe(signed('You are another.').system)
  })

  it('ends at the last breakpoint, and is whole where the provider sets it by itself', () => {
    const messages = [user([text('a', MARK)]), answer('b'), user('c')]
    expect(prefixOf({ messages }).messages).toHaveLength(1)
    expect(prefixOf({ ...MARK, messages }).messages).toHaveLength(3)
    expect(prefixOf({ messages: [user('a'), answer('b')] }).messages).toHaveLength(2)
    expect(prefixOf({ system: [text('s', MARK)], messages }).messages).toHaveLength(1)
    expect(prefixOf({ system: [text('s', MARK)], messages: [user('a')] }).messages).toHaveLength(0)
  })

  it('takes no breakpoint for one that a text speaks of', () => {
    const said = user('{"cache_control": {"type": "ephemeral"}}')
    const before = prompt(said, user([text('a', MARK)]))
    expect(changeBetween(before, prompt(user('{}'), user([text('a', MARK)])))).toBe('message 1')
  })

  it('looks at no more than two thousand messages', () => {
    const many = Array.from({ length: 2_500 }, (_, index) => user(`m${index}`))
    const whole = prefixOf({ messages: many })
    expect(whole.messages).toHaveLength(2_000)
    expect(prefixOf({ messages: [...many, user('x')] }, whole).messages).toHaveLength(2_000)
  })
})

describe('whatever comes as a body', () => {
  const good = Buffer.from(bodyOf({ session: 's', turn: 2, bytes: 300 }))

  it('never throws and always ends, also where the JSON inside of it is broken', () => {
    const edit = fc.tuple(fc.nat(good.length - 1), fc.constantFrom(...'"\\{}[],:x '))
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 6 }), (edits) => {
        const body = Buffer.from(good)
        for (const [at, letter] of edits) body.write(letter, at, 'latin1')
        const parts = readMessagesRequest(body)
        if (parts === undefined) return
        const before = readPrefix(body, parts, DIGESTS)
        expect(readPrefix(body, parts, DIGESTS, before).messages).toEqual(before.messages)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('what is known from the turn before', () => {
  it('makes no difference, whatever was sent', () => {
    const message = fc
      .tuple(fc.integer({ min: 0, max: 3 }), fc.boolean(), fc.boolean())
      .map(([word, isMarked, isPlain]) =>
        isPlain && !isMarked ? user(`w${word}`) : user([text(`w${word}`, isMarked ? MARK : {})]),
      )
    const body = fc.array(message, { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(body, body, fc.constantFrom(0, 1, 3, 8), fc.boolean(), (first, second, kept, isSpaced) => {
        const before = prefixOf({ messages: first })
        const messages = [...first.slice(0, kept), ...second]
        const indent = isSpaced ? 1 : undefined
        const known = prefixOf({ messages }, before, indent)
        const anew = prefixOf({ messages }, undefined, indent)
        expect({ ...known, settled: anew.settled }).toEqual(anew)
      }),
    )
  })

  it('is not looked through again', () => {
    const seen: number[] = []
    const counted = (bytes: Uint8Array): number => {
      seen.push(bytes.length)
      return hash(bytes)
    }
    const past = Array.from({ length: 50 }, (_, index) => user(`turn ${index}`))
    const read = (messages: readonly object[], before?: PromptPrefix): PromptPrefix => {
      const body = Buffer.from(JSON.stringify({ model: 'm', messages }))
      return readPrefix(body, readMessagesRequest(body) ?? NOTHING, { hash: counted, digest }, before)
    }
    const before = read([...past, user([text('now', MARK)])])
    seen.length = 0
    read([...past, user('now'), answer('yes'), user([text('then', MARK)])], before)
    expect(seen.length).toBeLessThan(6)
  })
})

const NOTHING = { tools: undefined, system: undefined, messages: undefined }
const hash = (bytes: Uint8Array): number => Bun.hash.xxHash32(bytes)
const digest = (bytes: Uint8Array): string => Bun.hash.xxHash3(bytes).toString(16)
const DIGESTS = { hash, digest }

const text = (words: string, mark: object = {}): object => ({ type: 'text', text: words, ...mark })
const user = (content: string | readonly object[]): object => ({ role: 'user', content })
const answer = (words: string): object => ({ role: 'assistant', content: [text(words)] })
const prompt = (...messages: readonly object[]): PromptPrefix => prefixOf({ messages })

function prefixOf(fields: object, before?: PromptPrefix, indent?: number): PromptPrefix {
  const body = Buffer.from(JSON.stringify({ model: 'claude-sonnet-5-5', ...fields }, undefined, indent))
  return readPrefix(body, readMessagesRequest(body) ?? NOTHING, DIGESTS, before)
}
