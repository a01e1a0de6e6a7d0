/**
 * A clock that tests move, whose timers go off as it passes them: `sleep` and `after` of days
 * take no time. The calendar can also be set, forwards and back, which moves no timer.
 */
import type { Clock } from '../../src/core/ports/clock.ts'
import { type Millis, toMillis } from '../../src/core/time.ts'
import { NOON } from './samples.ts'

export interface TickingClock extends Clock {
  /** Passes so much time, timer by timer; what each sets off is done before the next one. */
  advance(ms: number): Promise<void>
  /** Sets the calendar: what `now` says, and nothing else. */
  jump(byMs: number): void
  /** What every `chance()` is from now on. */
  setChance(chance: number): void
  /** Timers that have not gone off. */
  readonly timers: number
}

interface Timer {
  readonly at: number
  readonly action: () => void
}

export function tickingClock(start: Millis = NOON): TickingClock {
  const timers = new Set<Timer>()
  let passed = 0
  let jumped = 0
  let chance = 0.5
  const after = (ms: number, action: () => void): (() => void) => {
    const timer = { at: passed + Math.max(0, ms), action }
    timers.add(timer)
    return () => void timers.delete(timer)
  }
  const nextBefore = (end: number): Timer | undefined => {
    const due = [...timers].filter(({ at }) => at <= end)
    return due.reduce<Timer | undefined>(
      (first, each) => (first && first.at <= each.at ? first : each),
      undefined,
    )
  }
  return {
    now: () => toMillis(start + jumped + passed),
    elapsed: () => passed,
    after,
    sleep(ms, signal) {
      if (signal?.aborted === true) return Promise.resolve()
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = after(ms, resolve)
      signal?.addEventListener(
        'abort',
        () => {
          cancel()
          resolve()
        },
        { once: true },
      )
      return promise
    },
    chance: () => chance,
    async advance(ms) {
      const end = passed + ms
      await calm()
      for (let timer = nextBefore(end); timer !== undefined; timer = nextBefore(end)) {
        timers.delete(timer)
        passed = Math.max(passed, timer.at)
        timer.action()
        await calm()
      }
      passed = end
    },
    jump(byMs) {
      jumped += byMs
    },
    setChance(next) {
      chance = next
    },
    get timers() {
      return timers.size
    },
  }
}

const TURNS = 4

/** Whatever can go on without time passing has done so: promises, and the loop's own turns between them. */
export async function calm(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    const { promise, resolve } = Promise.withResolvers<void>()
    setImmediate(resolve)
    await promise
  }
}
