/** Digests tell apart what is different and agree on what is equal. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { digestParts, fingerprint, sha256 } from './digest.ts'

describe('sha256', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['ü組', new Bun.CryptoHasher('sha256').update('ü組', 'utf8').digest('hex')],
  ])('of %p is in small hexadecimal letters', (text, digest) => {
    expect(sha256(text)).toBe(digest)
  })
})

describe('the digest of parts', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  const whole = (text: string) => digestParts(bytes(text), [{ start: 0, end: bytes(text).length }])

  it('is 128 bits in hexadecimal', () => {
    fc.assert(fc.property(fc.string(), (text) => void expect(whole(text)).toMatch(/^[0-9a-f]{32}$/)))
  })

  it('does not depend on what stands between the parts', () => {
    const part = fc.string({ minLength: 1 })
    fc.assert(
      fc.property(part, part, fc.string(), fc.string(), (first, second, between, other) => {
        const digest = (gap: string): string => {
          const [a, g, b] = [bytes(first), bytes(gap), bytes(second)]
          const start = a.length + g.length
          return digestParts(Buffer.concat([a, g, b]), [
            { start: 0, end: a.length },
            { start, end: start + b.length },
          ])
        }
        expect(digest(between)).toBe(digest(other))
      }),
    )
  })

  it('is another when a part is another, or the parts come in another order', () => {
    const text = bytes('system|first question')
    const parts = [
      { start: 0, end: 6 },
      { start: 7, end: 21 },
    ] as const
    const digest = digestParts(text, parts)
    expect(digestParts(bytes('System|first question'), parts)).not.toBe(digest)
    expect(digestParts(bytes('system|first questioN'), parts)).not.toBe(digest)
    expect(digestParts(text, parts.toReversed())).not.toBe(digest)
    expect(digestParts(text, parts.slice(0, 1))).not.toBe(digest)
  })

  it('is another when the border between two parts lies elsewhere', () => {
    const cut = (at: number) =>
      digestParts(bytes('abcdef'), [
        { start: 0, end: at },
        { start: at, end: 6 },
      ])
    expect(new Set([1, 2, 3, 4, 5].map(cut)).size).toBe(5)
  })

  it('tells ten thousand conversations apart', () => {
    const digests = Array.from({ length: 10_000 }, (_, index) => whole(`conversation ${index}`))
    expect(new Set(digests).size).toBe(10_000)
    expect(new Set(digests.map((digest) => digest.slice(16))).size).toBe(10_000)
  })
})

describe('the fingerprint of a body', () => {
  it('is the same for the same bytes and another for one that differs in a bit', () => {
    const bodies = fc.uint8Array({ minLength: 1, maxLength: 2_000 })
    fc.assert(
      fc.property(bodies, fc.nat(), fc.integer({ min: 0, max: 7 }), (body, place, bit) => {
        const other = body.slice()
        const at = place % body.length
        other[at] = (other[at] ?? 0) ^ (1 << bit)
        expect(fingerprint(body.slice())).toBe(fingerprint(body))
        expect(fingerprint(other)).not.toBe(fingerprint(body))
      }),
    )
  })
})
