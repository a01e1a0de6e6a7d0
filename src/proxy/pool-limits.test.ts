/** The pool’s meters: true after every change, and worked out only when something has changed or time has passed. */
import { describe, expect, it } from 'bun:test'
import { idOf, manualClock, NOON, sampleView } from '../../test/support/samples.ts'
import type { Window } from '../core/limits.ts'
import { HOUR, later, SECOND } from '../core/time.ts'
import type { Pool } from './pool.ts'
import { createPoolMeters } from './pool-limits.ts'

describe('the pool’s meters', () => {
  it('say what is known now', () => {
    const { meters, read } = open()
    read(0.4)
    expect(shown(meters.headers())).toBe('0.4')
    expect(meters.limits()?.tightest.utilization).toBe(0.4)
    read(0.5)
    expect(shown(meters.headers())).toBe('0.5')
  })

  it('are not worked out again without a change', () => {
    const { meters, read, counted } = open()
    read(0.4)
    const first = meters.headers()
    for (let count = 0; count < 1_000; count++) {
      expect(meters.headers()).toBe(first)
      meters.limits()
    }
    expect(counted()).toBe(1)
  })

  it('are worked out again after a second, because windows end without anybody saying so', () => {
    const { meters, read, clock } = open()
    read(0.4)
    expect(shown(meters.headers())).toBe('0.4')
    clock.advance(HOUR - 1)
    expect(shown(meters.headers())).toBe('0.4')
    clock.advance(SECOND)
    expect([meters.headers(), meters.limits()]).toEqual([[], undefined])
  })

  it('say nothing where there is nothing to say', () => {
    const { meters } = open()
    expect([meters.headers(), meters.limits()]).toEqual([[], undefined])
  })
})

const shown = (headers: readonly (readonly [string, string])[]): string | undefined =>
  headers.find(([name]) => name === 'anthropic-ratelimit-unified-5h-utilization')?.[1]

/** Meters over one account, whose 5h window is read at will; `counted`: how often they looked at it. */
function open() {
  const clock = manualClock()
  let windows: readonly Window[] = []
  let revision = 0
  let looks = 0
  const pool: Pick<Pool, 'views' | 'windowsOf' | 'revision'> = {
    views: () => [sampleView('a')],
    windowsOf(id) {
      if (id === idOf('a')) looks++
      return windows
    },
    get revision() {
      return revision
    },
  }
  return {
    clock,
    meters: createPoolMeters(pool, clock),
    counted: () => looks,
    read(utilization: number) {
      windows = [{ name: '5h', utilization, resetsAt: later(NOON, HOUR), readAt: NOON }]
      revision++
    },
  }
}
