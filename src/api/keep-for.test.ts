/** Costly work is done once for everybody who asks within a while. */
import { describe, expect, it } from 'bun:test'
import { manualClock } from '../../test/support/samples.ts'
import { keepFor } from './keep-for.ts'

describe('what is kept', () => {
  it('is the same for everybody, also while it is being made', async () => {
    const { kept, made } = open()
    expect(await Promise.all([kept('a'), kept('a')])).toEqual([1, 1])
    expect([await kept('a'), made()]).toEqual([1, 1])
  })

  it('is made anew after its time, and not before', async () => {
    const { kept, clock } = open()
    await kept('a')
    clock.advance(59_999)
    expect(await kept('a')).toBe(1)
    clock.advance(1)
    expect(await kept('a')).toBe(2)
  })

  it('is made anew when something else is asked for', async () => {
    const { kept } = open()
    expect([await kept('a'), await kept('b'), await kept('a')]).toEqual([1, 2, 3])
  })

  it('is not kept when it failed', async () => {
    const { kept, failNext } = open()
    failNext()
    await expect(kept('a')).rejects.toThrow('no')
    expect(await kept('a')).toBe(2)
  })
})

function open() {
  const clock = manualClock()
  const keep = keepFor<number>(60_000, clock)
  let count = 0
  let fails = false
  const work = async (): Promise<number> => {
    count++
    const isFailing = fails
    fails = false
    await Promise.resolve()
    if (isFailing) throw new Error('no')
    return count
  }
  return {
    clock,
    kept: (key: string) => keep(key, work),
    made: () => count,
    failNext() {
      fails = true
    },
  }
}
