/** Passwords are hashed with argon2id, a few at a time, and compared whatever keyboard they come from. */
import { describe, expect, it } from 'bun:test'
import { createPasswords } from './passwords.ts'

describe('a password', () => {
  it('is kept as an argon2id hash, each with a salt of its own', async () => {
    const passwords = createPasswords()
    const [one, two] = [await passwords.hash('CANARY-secret'), await passwords.hash('CANARY-secret')]
    expect(one).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$')
    expect(one).not.toBe(two)
    expect(one).not.toContain('CANARY')
  })

  it('is the right one, or is not', async () => {
    const passwords = createPasswords()
    const hash = await passwords.hash('correct horse')
    expect(await passwords.verify('correct horse', hash)).toBe(true)
    expect(await passwords.verify('correct horsf', hash)).toBe(false)
    expect(await passwords.verify('', hash)).toBe(false)
  })

  it('is the same from a keyboard that composes its letters otherwise', async () => {
    const passwords = createPasswords()
    expect(await passwords.verify('cafe\u0301', await passwords.hash('caf\u00e9'))).toBe(true)
  })

  it('is right for nobody where there is nobody', async () => {
    expect(await createPasswords().verify('anything', undefined)).toBe(false)
  })

  it('of nobody costs what somebody’s does', async () => {
    const source = await Bun.file(new URL('passwords.ts', import.meta.url)).text()
    const [, cost] = /'(\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$)/.exec(source) ?? []
    expect(await createPasswords().hash('x')).toStartWith(cost ?? 'no hash of nobody')
  })

  it('waits where too many are worked on, and is refused where too many wait', async () => {
    const passwords = createPasswords()
    const results = await Promise.allSettled(Array.from({ length: 30 }, () => passwords.hash('x')))
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(8)
    expect(refused[0]).toMatchObject({ reason: { code: 'too-many-attempts' } })
    expect(await passwords.hash('x')).toStartWith('$argon2id$')
  })
})
