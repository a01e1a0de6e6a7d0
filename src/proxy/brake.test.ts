/** What the runaway brake remembers, for how long, and of how many. */
import { describe, expect, it } from 'bun:test'
import { manualClock } from '../../test/support/samples.ts'
import type { Runaway } from '../core/brake.ts'
import { MINUTE } from '../core/time.ts'
import { createBrake } from './brake.ts'

const POLICY = { repeats: 2, tokensPerMinute: 1_000 }

describe('the brake', () => {
  it('sees nothing in a conversation that nothing is known of', () => {
    expect(open().check('talk')).toBeUndefined()
  })

  it('counts answers by conversation, and forgets them in time', () => {
    const { check, answer, clock } = open()
    answer('talk')
    answer('talk')
    expect([check('talk')?.kind, check('other')]).toEqual(['repeats', undefined])
    clock.advance(10 * MINUTE)
    expect(check('talk')).toBeUndefined()
  })

  it('counts the tokens of what was not answered, and not the request', () => {
    const { brake, check } = open()
    for (const tokens of [500, 400]) brake.ended('talk', undefined, tokens)
    expect(check('talk')).toBeUndefined()
    brake.ended('talk', undefined, 200)
    expect(check('talk')?.kind).toBe('velocity')
  })

  it('tells of a runaway once, and again when the next one begins', () => {
    const { brake, check, answer, clock } = open()
    const isNews = () => brake.isNews('talk', seen(check('talk')))
    for (const _ of [1, 2]) answer('talk')
    expect([isNews(), isNews()]).toEqual([true, false])
    clock.advance(9 * MINUTE)
    expect(isNews()).toBe(false)
    clock.advance(MINUTE)
    for (const _ of [1, 2]) answer('talk')
    expect([isNews(), isNews()]).toEqual([true, false])
  })

  it('forgets whoever was answered longest ago when there are too many (G10)', () => {
    const { check, answer } = open()
    for (const name of ['used', 'idle']) for (const _ of [1, 2]) answer(name)
    for (let number = 0; number < 4_998; number++) answer(`talk-${number}`)
    expect([check('used')?.kind, check('idle')?.kind]).toEqual(['repeats', 'repeats'])
    answer('used')
    answer('one more')
    expect([check('used')?.kind, check('idle')]).toEqual(['repeats', undefined])
  })
})

function open() {
  const clock = manualClock()
  const brake = createBrake({ clock })
  return {
    clock,
    brake,
    answer: (conversation: string) => brake.ended(conversation, 'x', 0),
    check: (conversation: string) => brake.check(conversation, 'x', POLICY),
  }
}

function seen(runaway: Runaway | undefined): Runaway {
  if (runaway === undefined) throw new Error('Nothing was seen.')
  return runaway
}
