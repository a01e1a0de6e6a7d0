/** The retry budget: a fifth of recent requests, with a floor, and forgotten after ten seconds. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { createRetryBudget } from './budget.ts'

describe('the retry budget', () => {
  it('allows ten retries to somebody who has hardly asked anything', () => {
    const { budget } = world()
    expect(budget.left()).toBe(10)
    budget.request()
    expect(budget.left()).toBe(10)
  })

  it('is used up by retries', () => {
    const { budget, spend } = world()
    spend(10)
    expect(budget.left()).toBe(0)
  })

  it('grows with the requests: a fifth of them', () => {
    const { budget, ask } = world()
    ask(50)
    expect(budget.left()).toBe(10)
    ask(5)
    expect(budget.left()).toBe(11)
    ask(945)
    expect(budget.left()).toBe(200)
  })

  it('counts both over the last ten seconds', () => {
    const { budget, ask, spend, wait } = world()
    ask(100)
    spend(15)
    wait(9_999)
    expect(budget.left()).toBe(5)
    wait(1)
    expect(budget.left()).toBe(10)
  })

  it('forgets second by second', () => {
    const { budget, spend, wait } = world()
    spend(4)
    wait(5_000)
    spend(4)
    wait(5_000)
    expect(budget.left()).toBe(6)
    wait(5_000)
    expect(budget.left()).toBe(10)
  })

  it.each([10_000, 11_500, 100_000, 86_400_000])('has forgotten everything after %d ms of silence', (ms) => {
    const { budget, ask, spend, wait } = world()
    ask(1_000)
    spend(150)
    wait(ms)
    expect(budget.left()).toBe(10)
  })

  it('does not mind a clock that already ran for days', () => {
    const { budget, ask, spend } = world(864_000_123)
    ask(100)
    spend(3)
    expect(budget.left()).toBe(17)
  })

  it('is what a plain count of the last ten seconds says, at every moment', () => {
    const step = fc.record({
      waitMs: fc.nat({ max: 12_000 }),
      requests: fc.nat({ max: 60 }),
      retries: fc.nat({ max: 6 }),
    })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { budget, ask, spend, wait, now } = world()
        const requests: number[] = []
        const retries: number[] = []
        const recent = (times: readonly number[]) =>
          times.filter((time) => time > secondOf(now()) - 10).length
        for (const each of steps) {
          wait(each.waitMs)
          ask(each.requests)
          spend(each.retries)
          requests.push(...Array.from({ length: each.requests }, () => secondOf(now())))
          retries.push(...Array.from({ length: each.retries }, () => secondOf(now())))
          const most = Math.max(10, Math.floor(recent(requests) / 5))
          expect(budget.left()).toBe(most - recent(retries))
        }
      }),
    )
  })
})

function secondOf(ms: number): number {
  return Math.floor(ms / 1_000)
}

function world(startedAt = 0) {
  let elapsed = startedAt
  const budget = createRetryBudget(() => elapsed)
  const times = (count: number, action: () => void) => {
    for (let index = 0; index < count; index++) action()
  }
  return {
    budget,
    ask: (count: number) => times(count, budget.request),
    spend: (count: number) => times(count, budget.spend),
    wait: (ms: number) => {
      elapsed += ms
    },
    now: () => elapsed,
  }
}
