/** The optimum is right where it can be worked out by hand, and never less than what somebody really serves. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { STRATEGIES } from '../../src/core/strategies.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toMillis } from '../../src/core/time.ts'
import { createDice, type Dice } from '../../src/simulation/dice.ts'
import type { Trace, TraceAccount, TraceRequest, TraceWindow } from '../../src/simulation/trace.ts'
import { serveGreedily, soonestEnd } from './greedy.ts'
import { measure } from './measure.ts'
import { optimumOf } from './optimum.ts'

const MIDNIGHT: Millis = toMillis(1_794_787_200_000)

describe('the optimum', () => {
  it('is all there is, where windows have room', async () => {
    const { work, requests } = await optimumOf(trace([account([grid(1_000)])], every(HOUR, 4)))
    expect(work).toBeCloseTo(120)
    expect(requests).toBeCloseTo(4)
  })

  it('is all there is, where nothing is metered', async () => {
    expect((await optimumOf(trace([account([])], every(MINUTE, 100)))).work).toBeCloseTo(3_000)
  })

  it('is a window’s capacity and the last request, which found it not quite spent', async () => {
    const { work, requests } = await optimumOf(trace([account([grid(100)])], every(MINUTE, 10)))
    expect(work).toBeCloseTo(130)
    expect(requests).toBeCloseTo(130 / 30, 1)
  })

  it('has each window anew', async () => {
    const requests = [...every(MINUTE, 10), ...every(MINUTE, 10, 5.5 * HOUR)]
    expect((await optimumOf(trace([account([grid(100)])], requests))).work).toBeCloseTo(260)
  })

  it('keeps to the longer window as well', async () => {
    const week = { ...grid(150), name: '7d', lengthMs: 7 * DAY }
    const requests = [...every(MINUTE, 10), ...every(MINUTE, 10, 5.5 * HOUR)]
    expect((await optimumOf(trace([account([grid(100), week])], requests))).work).toBeCloseTo(180)
  })

  it('begins with what is used already', async () => {
    const used = { ...grid(100), initial: { used: 80, endsAt: later(MIDNIGHT, 5 * HOUR) } }
    expect((await optimumOf(trace([account([used])], every(MINUTE, 10)))).work).toBeCloseTo(50)
    const spent = { ...grid(100), initial: { used: 100, endsAt: later(MIDNIGHT, 5 * HOUR) } }
    expect((await optimumOf(trace([account([spent])], every(MINUTE, 10)))).work).toBeCloseTo(0)
  })

  it('meters a family’s window for that family alone', async () => {
    const opus = { ...grid(100), name: '7d_opus', lengthMs: 7 * DAY, family: 'opus' }
    const requests = [...every(MINUTE, 10), ...every(MINUTE, 10).map(asked('claude-opus-5-5'))]
    expect((await optimumOf(trace([account([opus])], requests))).work).toBeCloseTo(300 + 130)
  })

  it('sends nothing where a plan does not serve the model', async () => {
    const small = { ...account([]), models: ['haiku'] }
    expect((await optimumOf(trace([small], every(MINUTE, 10)))).work).toBe(0)
  })

  it('lets a request that comes at a window’s end be served by the next', async () => {
    const atTheEnd = every(1, 10, 5 * HOUR - MINUTE)
    expect((await optimumOf(trace([account([grid(100)])], atTheEnd))).work).toBeCloseTo(260)
  })

  it('has two windows in ten hours where they begin with their first use', async () => {
    const free: TraceWindow = { name: '5h', lengthMs: 5 * HOUR, capacity: 100 }
    const tenHours = {
      ...trace([account([free])], every(MINUTE, 590)),
      endsAt: later(MIDNIGHT, 10 * HOUR - 10 * MINUTE),
    }
    expect((await optimumOf(tenHours)).work).toBeCloseTo(260)
  })

  it('counts the cheapest requests where it counts requests', async () => {
    const dear = every(MINUTE, 3).map((request) => ({ ...request, promptTokens: 96 }))
    const { requests } = await optimumOf(trace([account([grid(100)])], [...every(MINUTE, 3), ...dear]))
    // 100 and the dearest, 120: three of 30, and 130 of the 360 that the others weigh.
    expect(requests).toBeCloseTo(3 + 130 / 120, 1)
  })
})

describe('nobody serves more than the optimum', () => {
  it.each(['by lot', 'what ends soonest'])('not who is greedy and never loses a cache (%s)', async (way) => {
    const seeds = fc.integer({ min: 0, max: 2 ** 31 })
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const dice = createDice(seed)
        const random = randomTrace(dice)
        const optimum = await optimumOf(random)
        const pick =
          way === 'by lot' ? (open: readonly unknown[]) => dice.whole(0, open.length - 1) : soonestEnd
        const served = serveGreedily(random, pick)
        expect(served.work).toBeLessThanOrEqual(optimum.work * (1 + 1e-9))
        expect(served.requests).toBeLessThanOrEqual(optimum.requests * (1 + 1e-9))
      }),
      { numRuns: 60 },
    )
  })

  it.each(STRATEGIES.map(({ name }) => name))('not %s', async (strategy) => {
    for (let seed = 0; seed < 15; seed++) {
      const random = randomTrace(createDice(seed))
      const optimum = await optimumOf(random)
      const score = await measure(random, strategy)
      expect(score.work).toBeLessThanOrEqual(optimum.work * (1 + 1e-9))
      expect(score.requests).toBeLessThanOrEqual(optimum.requests * (1 + 1e-9))
    }
  })
})

const trace = (accounts: readonly TraceAccount[], requests: readonly TraceRequest[]): Trace => ({
  name: 'small',
  description: '',
  startsAt: MIDNIGHT,
  endsAt: later(MIDNIGHT, DAY),
  accounts: accounts.map((each, index) => ({ ...each, name: `a${index}` })),
  requests: [...requests].sort((a, b) => a.at - b.at),
})

const account = (windows: readonly TraceWindow[]): TraceAccount => ({
  name: '',
  priority: 0,
  weight: 1,
  tier: 1,
  groups: [],
  windows,
  isPaid: false,
  faults: [],
})

const grid = (capacity: number): TraceWindow => ({
  name: '5h',
  lengthMs: 5 * HOUR,
  capacity,
  gridFrom: MIDNIGHT,
})

/** Requests that weigh 30 each. */
const every = (ms: number, count: number, fromMs = 0): readonly TraceRequest[] =>
  Array.from({ length: count }, (_, index) => ({
    at: later(MIDNIGHT, fromMs + index * ms),
    conversation: `c${fromMs} ${index}`,
    model: 'claude-sonnet-5-5',
    promptTokens: 24,
    cachedTokens: 0,
    outputTokens: 0,
    cacheLifeMs: 5 * MINUTE,
    durationMs: 1_000,
    class: 'interactive',
  }))

const asked =
  (model: string) =>
  (request: TraceRequest): TraceRequest => ({ ...request, model })

function randomTrace(dice: Dice): Trace {
  const accounts = Array.from({ length: dice.whole(1, 3) }, () => ({
    ...account(randomWindows(dice)),
    priority: dice.whole(0, 1),
    ...(dice.isOneIn(4) ? { models: ['sonnet'] } : {}),
  }))
  const requests: TraceRequest[] = []
  for (let talk = dice.whole(1, 12); talk > 0; talk--) {
    const model = dice.oneOf(['claude-sonnet-5-5', 'claude-opus-5-5'])
    let at = later(MIDNIGHT, dice.between(0, 20) * HOUR)
    let cachedTokens = 0
    for (let turn = dice.whole(1, 12); turn > 0; turn--) {
      const promptTokens = cachedTokens + dice.whole(50, 3_000)
      const common = {
        conversation: `c${talk}`,
        model,
        outputTokens: dice.whole(1, 300),
        cacheLifeMs: 5 * MINUTE,
      }
      const rest = { durationMs: 2_000, class: 'interactive' } as const
      requests.push({ at, promptTokens, cachedTokens, ...common, ...rest })
      const pauseMs = dice.logBetween(1_000, 2 * HOUR)
      cachedTokens = pauseMs < 5 * MINUTE ? promptTokens : 0
      at = later(at, 2_000 + Math.round(pauseMs))
    }
  }
  return trace(accounts, requests)
}

function randomWindows(dice: Dice): readonly TraceWindow[] {
  const gridFrom = later(MIDNIGHT, -dice.whole(0, 4) * HOUR)
  const hours = { name: '5h', lengthMs: 5 * HOUR, capacity: dice.whole(500, 30_000) }
  const opus = {
    name: '7d_opus',
    lengthMs: 7 * DAY,
    capacity: dice.whole(500, 30_000),
    family: 'opus',
    gridFrom,
  }
  return [dice.isOneIn(2) ? { ...hours, gridFrom } : hours, ...(dice.isOneIn(2) ? [opus] : [])]
}
