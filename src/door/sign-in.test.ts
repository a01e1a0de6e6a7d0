/** Who is let in by a link or a password, who is not, and that nobody can lock an owner out. */
import { describe, expect, it } from 'bun:test'
import { openDoor } from '../../test/support/people.ts'
import { NOON, sampleUser } from '../../test/support/samples.ts'
import { MINUTE } from '../core/time.ts'

const ANN = { name: 'ann', password: 'password of ann' }
const WRONG = { name: 'ann', password: 'wrong' }
const HERE = '192.0.2.1'

const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'in',
    (error) => error.code,
  )

describe('a password', () => {
  it('lets its user in, with their role', async () => {
    const { signIn } = openDoor(sampleUser('ann', { role: 'operator' }))
    expect((await signIn.withPassword(ANN, HERE)).visit).toMatchObject({
      name: 'ann',
      role: 'operator',
      way: 'password',
      userId: 'id-ann',
      peer: HERE,
    })
  })

  it('that is wrong, or nobody’s, or of somebody disabled, is refused in the same words', async () => {
    const { signIn } = openDoor(sampleUser('ann'), sampleUser('bob', { disabledAt: NOON }))
    const words = await Promise.all(
      [WRONG, { name: 'eve', password: 'x' }, { name: 'bob', password: 'password of bob' }].map((given) =>
        signIn.withPassword(given, HERE).catch((error: Error) => error.message),
      ),
    )
    expect(new Set(words)).toEqual(new Set(['The name or the password is wrong.']))
  })

  it('is checked although there is nobody of that name, so that the time tells nothing', async () => {
    const { signIn, passwords } = openDoor(sampleUser('bob', { disabledAt: NOON }))
    await codeOf(signIn.withPassword({ name: 'eve', password: 'x' }, HERE))
    await codeOf(signIn.withPassword({ name: 'bob', password: 'y' }, HERE))
    expect(passwords.checked).toEqual([
      ['x', undefined],
      ['y', undefined],
    ])
  })

  it.each([
    ['was removed', {}],
    ['was disabled', { disabledAt: NOON }],
    ['was given another password', { passwordHash: 'hash-other' }],
  ])('is of no use to a user who %s while it was checked', async (_what, change) => {
    const { signIn, passwords, users } = openDoor(sampleUser('ann'))
    passwords.meanwhile = async () => {
      if (Object.keys(change).length === 0) await users.remove('id-ann')
      else await users.change('id-ann', change)
    }
    expect(await codeOf(signIn.withPassword(ANN, HERE))).toBe('unauthenticated')
  })
})

describe('guessing', () => {
  it('from one network ends after ten tries, and begins again after a minute', async () => {
    const { signIn, clock, passwords } = openDoor(sampleUser('ann'))
    for (let n = 0; n < 10; n++)
      expect(await codeOf(signIn.withPassword(WRONG, HERE))).toBe('unauthenticated')
    expect(await codeOf(signIn.withPassword(ANN, HERE))).toBe('too-many-attempts')
    expect(passwords.checked).toHaveLength(10)
    clock.advance(MINUTE + 1)
    expect(await codeOf(signIn.withPassword(ANN, HERE))).toBe('in')
  })

  it('all at once gets no more tries than one after the other', async () => {
    const { signIn, passwords } = openDoor(sampleUser('ann'))
    await Promise.all(Array.from({ length: 100 }, () => codeOf(signIn.withPassword(WRONG, HERE))))
    expect(passwords.checked).toHaveLength(10)
  })

  it('does not shut out the right password from elsewhere', async () => {
    const { signIn } = openDoor(sampleUser('ann'))
    for (let n = 0; n < 20; n++) await codeOf(signIn.withPassword(WRONG, HERE))
    expect(await codeOf(signIn.withPassword(ANN, '192.0.2.2'))).toBe('in')
  })

  it('of one name from everywhere ends too, but not for where they are signed in', async () => {
    const { signIn, clock } = openDoor(sampleUser('ann'))
    await signIn.withPassword(ANN, HERE)
    for (let n = 0; n < 50; n++) await codeOf(signIn.withPassword(WRONG, `198.51.100.${n}`))
    expect(await codeOf(signIn.withPassword(ANN, '203.0.113.1'))).toBe('too-many-attempts')
    expect(await codeOf(signIn.withPassword(ANN, HERE))).toBe('in')
    clock.advance(10 * MINUTE + 1)
    expect(await codeOf(signIn.withPassword(ANN, '203.0.113.1'))).toBe('in')
  })

  it('leaves the way by a link open', async () => {
    const { signIn, links } = openDoor(sampleUser('ann'))
    for (let n = 0; n < 20; n++) await codeOf(signIn.withPassword(WRONG, HERE))
    const token = links.make({ name: 'admin token', userId: undefined })
    expect(await codeOf(signIn.withLink(token, HERE))).toBe('in')
  })

  it('is not what a person does who signs in often', async () => {
    const { signIn } = openDoor(sampleUser('ann'))
    for (let n = 0; n < 100; n++) expect(await codeOf(signIn.withPassword(ANN, HERE))).toBe('in')
  })

  it('at links ends as well', async () => {
    const { signIn } = openDoor()
    const codes = []
    for (let n = 0; n < 11; n++) codes.push(await codeOf(signIn.withLink(`spl_${n}`, HERE)))
    expect(codes.slice(9)).toEqual(['unauthenticated', 'too-many-attempts'])
  })
})

describe('a sign-in that failed', () => {
  it('is written down, with the name only if it is one', async () => {
    const { signIn, written } = openDoor(sampleUser('ann'))
    await codeOf(signIn.withPassword(WRONG, HERE))
    // People type their password where their name belongs.
    await codeOf(signIn.withPassword({ name: 'CANARY-my-password', password: 'ann' }, HERE))
    expect(written.map(({ action, who, target, peer }) => ({ action, who, target, peer }))).toEqual([
      { action: 'signInFailed', who: 'anybody', target: 'ann', peer: HERE },
      { action: 'signInFailed', who: 'anybody', target: undefined, peer: HERE },
    ])
    expect(JSON.stringify(written)).not.toMatch(/CANARY|wrong"?,"password/)
  })

  it('that is refused unchecked is not written down again and again', async () => {
    const { signIn, written } = openDoor(sampleUser('ann'))
    for (let n = 0; n < 100; n++) await codeOf(signIn.withPassword(WRONG, HERE))
    expect(written).toHaveLength(10)
  })
})
