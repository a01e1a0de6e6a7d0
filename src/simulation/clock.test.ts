/** Virtual time: events in their order, the same chance for the same moment. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { later, SECOND } from '../core/time.ts'
import { createVirtualClock } from './clock.ts'
import { chanceOf, createDice } from './dice.ts'

const clockWith = (seed = 1) => createVirtualClock(NOON, (now) => chanceOf(seed, now))

describe('a virtual clock', () => {
  it('lets what was planned happen by its moment, and by its order where the moment is the same', () => {
    const clock = clockWith()
    const dice = createDice(3)
    const planned = Array.from({ length: 500 }, (_, order) => ({ order, ms: dice.whole(0, 40) * SECOND }))
    const happened: { readonly order: number; readonly ms: number }[] = []
    for (const each of planned) clock.after(each.ms, () => happened.push(each))
    while (clock.step());
    expect(happened).toEqual(planned.toSorted((a, b) => a.ms - b.ms || a.order - b.order))
    expect(clock.elapsed()).toBe(Math.max(...planned.map(({ ms }) => ms)))
  })

  it('goes on with what an event has planned, and never back', () => {
    const clock = clockWith()
    const seen: number[] = []
    clock.after(2 * SECOND, () => {
      seen.push(clock.elapsed())
      clock.at(NOON, () => seen.push(clock.elapsed()))
    })
    while (clock.step());
    expect(seen).toEqual([2 * SECOND, 2 * SECOND])
  })

  it('leaves out what was taken back, and stops where it is told to', () => {
    const clock = clockWith()
    const seen: string[] = []
    const takeBack = clock.after(SECOND, () => seen.push('taken back'))
    clock.after(2 * SECOND, () => seen.push('early'))
    clock.after(9 * SECOND, () => seen.push('late'))
    takeBack()
    while (clock.step(later(NOON, 5 * SECOND)));
    expect(seen).toEqual(['early'])
    expect(clock.now()).toBe(later(NOON, 2 * SECOND))
  })

  it('throws the same dice at the same moment, whatever else has happened', () => {
    const [a, b] = [clockWith(7), clockWith(7)]
    a.chance()
    expect(a.chance()).toBe(b.chance())
    expect(clockWith(8).chance()).not.toBe(b.chance())
  })
})

describe('dice', () => {
  it('fall the same for the same seed, and evenly', () => {
    const throws = (seed: number) => Array.from({ length: 10_000 }, createDice(seed).next)
    expect(throws(1)).toEqual(throws(1))
    expect(throws(1)).not.toEqual(throws(2))
    const mean = throws(1).reduce((sum, value) => sum + value, 0) / 10_000
    expect(mean).toBeCloseTo(0.5, 1)
  })

  it('give each value as often as its share says', () => {
    const dice = createDice(5)
    const drawn = Array.from({ length: 9_000 }, () =>
      dice.weighted([
        ['a', 2],
        ['b', 1],
      ]),
    )
    expect(drawn.filter((value) => value === 'a').length / 9_000).toBeCloseTo(2 / 3, 1)
  })
})
