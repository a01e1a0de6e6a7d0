/** A sealed secret opens for its key, its purpose and its owner, and for nothing else (G5). */
import { describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { type SealedSecret, toSealedSecret } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import { createSecretBox } from './secret-box.ts'

const KEY = Buffer.alloc(32, 7)
const PLACE = '/data/secret.key'
const PURPOSE = 'account-credential'

const box = () => createSecretBox(KEY, PLACE)

describe('a sealed secret', () => {
  it('opens to what it was, whatever that is', () => {
    const one = box()
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (secret, owner) => {
        const sealed = one.seal(PURPOSE, owner, secret)
        expect(one.open(PURPOSE, owner, sealed)).toBe(secret)
        expect(box().open(PURPOSE, owner, sealed)).toBe(secret)
      }),
    )
  })

  it('shows nothing of what it was', () => {
    const sealed = box().seal(PURPOSE, 'a', 'CANARY-a')
    expect(sealed).toMatch(/^v1\.[A-Za-z0-9_-]+$/)
    expect(sealed).not.toContain('CANARY')
    expect(Buffer.from(sealed.slice(3), 'base64url').toString('latin1')).not.toContain('CANARY')
  })

  it('is another text each time, so that equal secrets cannot be told', () => {
    const one = box()
    const sealed = Array.from({ length: 100 }, () => one.seal(PURPOSE, 'a', 'CANARY-a'))
    expect(new Set(sealed).size).toBe(100)
  })

  it.each<[string, (sealed: SealedSecret) => unknown]>([
    ['another key', (sealed) => createSecretBox(randomBytes(32), PLACE).open(PURPOSE, 'a', sealed)],
    ['another owner', (sealed) => box().open(PURPOSE, 'b', sealed)],
    ['another purpose', (sealed) => box().open('key-check', 'a', sealed)],
    ['another version', (sealed) => box().open(PURPOSE, 'a', toSealedSecret(sealed.replace('v1', 'v2')))],
  ])('does not open with %s', (_what, open) => {
    expect(() => open(box().seal(PURPOSE, 'a', 'CANARY-a'))).toThrow(GatewayError)
  })

  it('does not open for another owner after its own has opened it', () => {
    const one = box()
    const sealed = one.seal(PURPOSE, 'a', 'CANARY-a')
    expect(one.open(PURPOSE, 'a', sealed)).toBe('CANARY-a')
    expect(() => one.open(PURPOSE, 'b', sealed)).toThrow(GatewayError)
    expect(() => one.open('key-check', 'a', sealed)).toThrow(GatewayError)
    expect(one.open(PURPOSE, 'a', sealed)).toBe('CANARY-a')
  })

  it('does not open once two accounts have had theirs swapped', () => {
    const one = box()
    const [ofA, ofB] = [one.seal(PURPOSE, 'a', 'CANARY-a'), one.seal(PURPOSE, 'b', 'CANARY-b')]
    expect(() => one.open(PURPOSE, 'a', ofB)).toThrow(GatewayError)
    expect(() => one.open(PURPOSE, 'b', ofA)).toThrow(GatewayError)
  })

  it('does not open when any of its bits is another', () => {
    const sealed = box().seal(PURPOSE, 'a', 'CANARY-a')
    const bytes = Buffer.from(sealed.slice(3), 'base64url')
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
        const changed = Buffer.from(bytes)
        changed.writeUInt8(changed.readUInt8(at) ^ difference, at)
        const text = toSealedSecret(`v1.${changed.toString('base64url')}`)
        expect(() => box().open(PURPOSE, 'a', text)).toThrow(GatewayError)
      }),
    )
  })

  it.each(['', 'v1', 'v1.', 'v1.AAAA', 'CANARY-a', '.', 'v1.____', 'null'])('is never %p', (text) => {
    expect(() => box().open(PURPOSE, 'a', toSealedSecret(text))).toThrow(
      `The stored credential cannot be opened with the key in ${PLACE}`,
    )
  })

  it('that does not open is told without any secret', () => {
    const sealed = box().seal(PURPOSE, 'a', 'CANARY-a')
    const wrong = randomBytes(32)
    try {
      createSecretBox(wrong, PLACE).open(PURPOSE, 'a', sealed)
      expect.unreachable()
    } catch (error) {
      const told = Bun.inspect(error)
      expect(told).not.toContain('CANARY')
      expect(told).not.toContain(wrong.toString('base64'))
      expect(told).not.toContain(sealed)
    }
  })

  it('still opens when more secrets are in use than are remembered', () => {
    const one = box()
    const sealed = Array.from({ length: 1_500 }, (_, index) =>
      one.seal(PURPOSE, `${index}`, `CANARY-${index}`),
    )
    for (let round = 0; round < 2; round++) {
      for (const [index, text] of sealed.entries())
        expect(one.open(PURPOSE, `${index}`, text)).toBe(`CANARY-${index}`)
    }
  })
})
