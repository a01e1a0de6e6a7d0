/** Attempts are counted in a window of time, taken back when they were good ones, and never grow. */
import { describe, expect, it } from 'bun:test'
import { manualClock } from '../../test/support/samples.ts'
import { createAttempts } from './attempts.ts'

describe('attempts', () => {
  const open = (most: number) => {
    const clock = manualClock()
    return { clock, attempts: createAttempts({ most, windowMs: 1_000, elapsed: clock.elapsed }) }
  }

  it('are had by each key for itself, until the window is over', () => {
    const { attempts, clock } = open(2)
    expect(['a', 'a', 'a', 'b'].map(attempts.take)).toEqual([true, true, false, true])
    clock.advance(1_000)
    expect(attempts.take('a')).toBe(false)
    clock.advance(1)
    expect(attempts.take('a')).toBe(true)
  })

  it('do not prolong the window by being made', () => {
    const { attempts, clock } = open(1)
    attempts.take('a')
    for (let n = 0; n < 10; n++) {
      clock.advance(100)
      attempts.take('a')
    }
    clock.advance(1)
    expect(attempts.take('a')).toBe(true)
  })

  it('that turned out to be good ones do not count', () => {
    const { attempts } = open(1)
    for (let n = 0; n < 5; n++) {
      expect(attempts.take('a')).toBe(true)
      attempts.giveBack('a')
    }
    expect(['a', 'a'].map(attempts.take)).toEqual([true, false])
  })

  it('of many keys push out the oldest keys, not all of them', () => {
    const { attempts } = open(1)
    attempts.take('victim')
    for (let n = 0; n < 9_999; n++) attempts.take(`key-${n}`)
    expect(attempts.take('victim')).toBe(false)
    attempts.take('one more')
    expect(attempts.take('key-1')).toBe(false)
    expect(attempts.take('victim')).toBe(true)
  })
})
