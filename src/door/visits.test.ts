/** Visits: found by their secret, over in time, bounded in number. */
import { describe, expect, it } from 'bun:test'
import { countedSecrets, memoryVisits } from '../../test/support/people.ts'
import { manualClock } from '../../test/support/samples.ts'
import { HOUR, MINUTE } from '../core/time.ts'
import { createVisits } from './visits.ts'

const ANN = { name: 'ann', role: 'owner', way: 'password', userId: 'id-ann', peer: '::1' } as const

function open() {
  const clock = manualClock()
  const store = memoryVisits()
  const limits = { idleMs: HOUR, longestMs: 10 * HOUR }
  const unwelcome = new Set<string>()
  const isWelcome = ({ name }: { readonly name: string }): boolean => !unwelcome.has(name)
  const visits = createVisits({ store, secrets: countedSecrets(), clock, isWelcome, limits: () => limits })
  return { clock, store, limits, unwelcome, visits }
}

describe('a visit', () => {
  it('is found by its secret and by nothing else', async () => {
    const { visits } = open()
    const { visit, secret } = await visits.begin(ANN)
    expect(visits.of(secret)).toEqual(visit)
    for (const wrong of ['', visit.digest, visit.id, `${secret}x`]) expect(visits.of(wrong)).toBeUndefined()
  })

  it('does not keep its secret', async () => {
    const { visits, store } = open()
    const { secret } = await visits.begin(ANN)
    expect(store.all().map(({ digest }) => digest)).toEqual([`digest of ${secret}`])
  })

  it('goes on while it is used, and ends at its end all the same', async () => {
    const { visits, clock } = open()
    const { secret } = await visits.begin(ANN)
    for (let hours = 0; hours < 9.5; hours += 0.5) {
      clock.advance(HOUR / 2)
      expect(visits.of(secret)).toBeDefined()
    }
    clock.advance(HOUR / 2)
    expect(visits.of(secret)).toBeUndefined()
    expect(visits.all()).toEqual([])
  })

  it('is over when nobody uses it, also by a limit that was lowered meanwhile', async () => {
    const { visits, clock, limits } = open()
    const { secret } = await visits.begin(ANN)
    clock.advance(30 * MINUTE)
    limits.idleMs = 20 * MINUTE
    expect(visits.of(secret)).toBeUndefined()
  })

  it('is over when its user is no longer welcome', async () => {
    const { visits, unwelcome } = open()
    const { secret } = await visits.begin(ANN)
    unwelcome.add('ann')
    expect([visits.of(secret), visits.all()]).toEqual([undefined, []])
  })

  it('is written down as used once a minute at most', async () => {
    const { visits, clock, store } = open()
    const { secret, visit } = await visits.begin(ANN)
    clock.advance(MINUTE - 1)
    visits.of(secret)
    expect(store.all()).toEqual([visit])
    clock.advance(1)
    visits.of(secret)
    expect(store.all()[0]?.usedAt).toBe(clock.now())
  })
})

describe('visits', () => {
  it('that are over are forgotten when a new one begins', async () => {
    const { visits, clock, store } = open()
    await visits.begin(ANN)
    clock.advance(HOUR)
    const { visit } = await visits.begin(ANN)
    expect(store.all()).toEqual([visit])
  })

  it('are a thousand at most: the one that was not used for longest goes', async () => {
    const { visits, clock, store } = open()
    const first = await visits.begin(ANN)
    clock.advance(1)
    const second = await visits.begin(ANN)
    for (let n = 0; n < 998; n++) await visits.begin(ANN)
    clock.advance(MINUTE)
    visits.of(first.secret)
    await visits.begin(ANN)
    expect(store.all()).toHaveLength(1_000)
    expect([visits.of(first.secret)?.id, visits.of(second.secret)?.id]).toEqual([first.visit.id, undefined])
  })

  it('all stay while there are half as many', async () => {
    const { visits, store } = open()
    for (let n = 0; n < 700; n++) await visits.begin(ANN)
    expect(store.all()).toHaveLength(700)
  })
})
