/** The machine's clock: sleeps that can be cut short, actions that can be called off. */
import { describe, expect, it } from 'bun:test'
import { systemClock as clock } from './clock.ts'

describe('the clock', () => {
  it('tells wall-clock time in whole milliseconds, and a time that only grows', () => {
    expect(Number.isInteger(clock.now())).toBe(true)
    const first = clock.elapsed()
    expect(clock.elapsed()).toBeGreaterThanOrEqual(first)
    const chances = Array.from({ length: 100 }, clock.chance)
    expect(chances.every((chance) => chance >= 0 && chance < 1)).toBe(true)
    expect(new Set(chances).size).toBeGreaterThan(1)
  })

  it('sleeps, and not at all when it was called off before', async () => {
    await clock.sleep(1)
    await clock.sleep(1_000_000, AbortSignal.abort())
  })

  it('wakes up at once when it is called off', async () => {
    const { signal, abort } = controller()
    const sleeping = clock.sleep(1_000_000, signal)
    abort()
    await sleeping
  })

  it('takes no more notice of a signal once it is awake', async () => {
    const { signal, abort } = controller()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    for (let n = 0; n < 10; n++) await clock.sleep(0, signal)
    expect(listeners).toBe(0)
    abort()
  })

  it('does something later, unless it is called off', async () => {
    const done: string[] = []
    const callOff = clock.after(1, () => void done.push('called off'))
    callOff()
    const { promise, resolve } = Promise.withResolvers<void>()
    clock.after(2, resolve)
    await promise
    expect(done).toEqual([])
    callOff()
  })
})

function controller(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const made = new AbortController()
  return { signal: made.signal, abort: () => made.abort() }
}
