/** Each strategy's choice among accounts that can all take the request, and its reason. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import {
  idOf,
  NOON,
  sampleBinding,
  sampleSituation,
  sampleView,
  withWindows,
} from '../../test/support/samples.ts'
import type { Account } from './account.ts'
import type { Binding } from './session.ts'
import type { AccountView } from './situation.ts'
import { isStrategy, STRATEGIES, type StrategyName, strategyOf } from './strategies.ts'
import { DAY, HOUR, later, MINUTE } from './time.ts'

const SESSION_MS = 5 * HOUR

describe('affinity', () => {
  it('keeps a conversation on its account, whatever the others have to offer', () => {
    const views = [view('a'), view('b', { priority: 9, inFlight: 50, lastTurn: 7 })]
    expect(chosen('affinity', views, { account: 'b' })).toEqual({
      name: 'b',
      reason: 'the conversation’s account: its cache is warm there',
    })
  })

  it('goes back to where the conversation spilled before while its account cannot take it', () => {
    expect(chosen('affinity', [view('b'), view('c')], { account: 'a', spill: 'c' })).toEqual({
      name: 'c',
      reason: 'the conversation spilled here before',
    })
  })

  it('prefers the conversation’s account to its spill', () => {
    expect(chosen('affinity', [view('a'), view('c')], { account: 'a', spill: 'c' })?.name).toBe('a')
  })

  it('treats a conversation like a new one when neither can take it', () => {
    const views = [view('c', { inFlight: 2 }), view('d')]
    expect(chosen('affinity', views, { account: 'a', spill: 'b' })).toMatchObject({
      name: 'd',
      reason: 'best priority, then most room',
    })
  })

  it('gives new conversations to the best priority first, however busy it is', () => {
    expect(chosen('affinity', [view('a', { priority: 1 }), view('b', { inFlight: 30 })])?.name).toBe('b')
  })

  it('then to the account with the fewest in flight, then to the one that waited longest', () => {
    expect(chosen('affinity', [view('a', { inFlight: 2 }), view('b', { inFlight: 1 })])?.name).toBe('b')
    expect(chosen('affinity', [view('a', { lastTurn: 4 }), view('b', { lastTurn: 3 })])?.name).toBe('b')
  })
})

describe('session', () => {
  it('stays with the account whose session runs', () => {
    const views = [view('a'), view('b', { sessionStart: -HOUR })]
    expect(chosen('session', views)).toEqual({ name: 'b', reason: 'its session is running' })
  })

  it('ends exactly when the session does', () => {
    const views = [view('a'), view('b', { sessionStart: -SESSION_MS, lastTurn: 1 })]
    expect(chosen('session', views)).toEqual({ name: 'a', reason: 'a new session begins' })
  })

  it('prefers priority among running sessions, then the one that began last', () => {
    const old = view('old', { sessionStart: -4 * HOUR })
    const young = view('young', { sessionStart: -MINUTE })
    const better = view('better', { sessionStart: -2 * HOUR, priority: -1 })
    expect(chosen('session', [old, young])?.name).toBe('young')
    expect(chosen('session', [old, young, better])?.name).toBe('better')
  })

  it('opens the next session by priority, then on the account that waited longest', () => {
    const views = [view('a', { priority: 1 }), view('b', { lastTurn: 2 }), view('c', { lastTurn: 1 })]
    expect(chosen('session', views)?.name).toBe('c')
  })
})

describe('round-robin', () => {
  it('gives the turn to the account of the best priority that waited longest', () => {
    const views = [view('a', { lastTurn: 3 }), view('b', { lastTurn: 2 }), view('c', { priority: 1 })]
    expect(chosen('round-robin', views)).toEqual({ name: 'b', reason: 'longest without a turn' })
  })

  it('goes around', () => {
    const turns = new Map<string, number>()
    const order: string[] = []
    for (let turn = 1; turn <= 7; turn++) {
      const views = ['a', 'b', 'c'].map((name) => view(name, { lastTurn: turns.get(name) ?? 0 }))
      const name = chosen('round-robin', views)?.name ?? ''
      turns.set(name, turn)
      order.push(name)
    }
    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a'])
  })
})

describe('least-requests', () => {
  it('takes priority, then the fewest in flight, then the fewest begun, then the longest wait', () => {
    expect(chosen('least-requests', [view('a', { priority: 1 }), view('b', { inFlight: 9 })])?.name).toBe('b')
    expect(chosen('least-requests', [view('a', { inFlight: 1 }), view('b', { begun: 9 })])?.name).toBe('b')
    expect(chosen('least-requests', [view('a', { begun: 1 }), view('b', { lastTurn: 9 })])?.name).toBe('b')
    expect(chosen('least-requests', [view('a', { lastTurn: 1 }), view('b')])).toEqual({
      name: 'b',
      reason: 'fewest requests',
    })
  })
})

describe('affinity among accounts with windows', () => {
  it('gives a new conversation to the one with the most to spare', () => {
    const views = [
      withFive('a', 0.6, 2 * HOUR),
      withFive('b', 0.6, 30 * MINUTE),
      withFive('c', 0.3, 4 * HOUR),
    ]
    expect(chosen('affinity', views)?.name).toBe('b')
  })

  it('weighs what is in flight already where they have about as much, and the size of their plans', () => {
    const [a, b] = [withFive('a', 0.2, 4 * HOUR), withFive('b', 0.21, 4 * HOUR)]
    expect(chosen('affinity', [a, b])?.name).toBe('a')
    expect(chosen('affinity', [{ ...a, expectedTokens: 50_000 }, b])?.name).toBe('b')
    const large = withFive('large', 0.2, 4 * HOUR, { tier: 5 })
    expect(chosen('affinity', [b, { ...large, expectedTokens: 20_000 }])?.name).toBe('large')
  })

  it('gives none to accounts that their own conversations will spend, while others have room', () => {
    const full = withWindows(
      [{ name: '5h', utilization: 0.95, resetsAt: later(NOON, 10 * MINUTE), readAt: NOON }],
      {
        tokensAnHour: 1_000_000,
        worth: new Map([['5h', 1_000_000]]),
      },
    )
    expect(full.headroom.spare).toBeGreaterThan(1)
    expect(chosen('affinity', [{ ...view('full'), ...full }, withFive('b', 0.9, 4 * HOUR)])?.name).toBe('b')
    expect(chosen('affinity', [{ ...view('full'), ...full }])).toEqual({
      name: 'full',
      reason: 'best priority, then most to spare: none has room',
    })
  })

  it('looks at the windows of the model’s family too', () => {
    const opus = { name: '7d_opus', utilization: 0.95, resetsAt: later(NOON, 3 * DAY), readAt: NOON }
    const tight = { ...view('tight'), ...withWindows([opus]) }
    expect(chosen('affinity', [tight, view('b')], undefined, 'claude-opus-5-5')?.name).toBe('b')
    expect(chosen('affinity', [tight, view('b')], undefined, 'claude-sonnet-5-5')?.name).toBe('tight')
  })
})

describe('session, when a better account can be used again', () => {
  it('goes back to it, although another session is running', () => {
    const running = view('b', { priority: 5, sessionStart: -HOUR })
    expect(chosen('session', [view('a'), running])).toEqual({ name: 'a', reason: 'a new session begins' })
  })
})

describe('weighted', () => {
  it('draws each account as often as its weight times its tier says', () => {
    const views = [shared('a', 3, 1), shared('b', 1, 5), shared('c', 2, 0)]
    const draws = new Map<string, number>()
    const rounds = 10_000
    for (let round = 0; round < rounds; round++) {
      const name = chosen('weighted', views, undefined, undefined, (round + 0.5) / rounds)?.name ?? ''
      draws.set(name, (draws.get(name) ?? 0) + 1)
    }
    expect([...draws].sort()).toEqual([
      ['a', 3_000],
      ['b', 5_000],
      ['c', 2_000],
    ])
  })

  it('draws among the best priority only', () => {
    const worse = { ...shared('b', 100, 1), account: { ...shared('b', 100, 1).account, priority: 1 } }
    expect(chosen('weighted', [shared('a', 1, 1), worse], undefined, undefined, 0.99)?.name).toBe('a')
  })
})

describe('weighted-round-robin', () => {
  /** Names in the order in which turns come, as the pool counts them. */
  const turns = (shares: readonly number[], rounds: number): readonly number[] => {
    const due = shares.map((share) => 0.5 / share)
    return Array.from({ length: rounds }, () => {
      const views = shares.map((share, index) => ({
        ...shared(String(index), share, 1),
        dueAt: due[index] ?? 0,
      }))
      const next = Number(chosen('weighted-round-robin', views)?.name)
      due[next] = (due[next] ?? 0) + 1 / (shares[next] ?? 1)
      return next
    })
  }

  it('gives turns by shares, evenly spread', () => {
    expect(turns([2, 1, 1], 8).join('')).toMatch(/^(?:0[12]0[12]|[0-2]{4}){2}$/)
    const counts = turns([5, 1, 1], 70).reduce((sum, each) => sum.with(each, (sum[each] ?? 0) + 1), [0, 0, 0])
    expect(counts).toEqual([50, 10, 10])
  })

  it('is never more than a turn ahead of or behind anybody’s share, whatever the shares', () => {
    const shares = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 120 }), (all, rounds) => {
        const total = all.reduce((sum, share) => sum + share, 0)
        const order = turns(all, rounds)
        for (const [index, share] of all.entries()) {
          const had = order.filter((turn) => turn === index).length
          expect(Math.abs(had - (rounds * share) / total)).toBeLessThanOrEqual(MOST_APART)
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('drain-soonest', () => {
  it('takes the account whose quota expires first, if there is any left', () => {
    const views = [
      withFive('later', 0.1, 4 * HOUR),
      withFive('soon', 0.9, HOUR),
      withFive('spent', 1, MINUTE),
    ]
    expect(chosen('drain-soonest', views)).toEqual({ name: 'soon', reason: 'its quota expires first' })
  })
})

describe('headroom', () => {
  it('takes the account with the longest runway at its pace', () => {
    const paced = (name: string, perHour: number) => withFive(name, 0.5, 4 * HOUR, {}, perHour)
    expect(chosen('headroom', [paced('a', 0.4), paced('b', 0.3)])).toEqual({
      name: 'b',
      reason: 'the longest runway at its pace',
    })
  })

  it('counts a window that begins anew before it is spent as no end', () => {
    const fast = withFive('fast', 0.5, 30 * MINUTE, {}, 0.5)
    const slow = withFive('slow', 0.5, 4 * HOUR, {}, 0.2)
    expect(chosen('headroom', [slow, fast])?.name).toBe('fast')
  })
})

describe('every strategy', () => {
  const names = STRATEGIES.map(({ name }) => name)

  it.each(names)('%s chooses nobody where there is nobody', (name) => {
    expect(chosen(name, [])).toBeUndefined()
  })

  it.each(names.filter((name) => name !== 'weighted'))(
    '%s takes the first of equals, so that a decision can be repeated',
    (name) => {
      expect(chosen(name, [view('a'), view('b'), view('c')])?.name).toBe('a')
    },
  )

  it.each(names)(
    '%s never passes over a better priority for an unbound conversation without a session',
    (name) => {
      const plan = fc.record({
        priority: fc.integer({ min: -3, max: 3 }),
        inFlight: fc.nat({ max: 5 }),
        begun: fc.nat({ max: 5 }),
        lastTurn: fc.nat({ max: 5 }),
      })
      fc.assert(
        fc.property(fc.array(plan, { minLength: 1, maxLength: 6 }), (plans) => {
          const views = plans.map((each, index) => view(`a${index}`, each))
          const best = Math.min(...plans.map(({ priority }) => priority))
          const choice = chosen(name, views)
          expect(views.find(({ account }) => account.name === choice?.name)?.account.priority).toBe(best)
        }),
      )
    },
  )

  it('is known by its name, and nothing else is', () => {
    expect(names.every(isStrategy)).toBe(true)
    expect(isStrategy('constructor')).toBe(false)
    expect(isStrategy('Affinity')).toBe(false)
  })

  it('has a description that says it to people', () => {
    for (const { description } of STRATEGIES) expect(description).toMatch(/^[A-Z].{20,}\.$/)
  })
})

interface Bound {
  readonly account: string
  readonly spill?: string
}

/** In turns. */
const MOST_APART = 1

function chosen(
  name: StrategyName,
  views: readonly AccountView[],
  bound?: Bound,
  model = 'claude-sonnet-5-5',
  chance = 0.5,
) {
  const situation = sampleSituation({
    request: { model },
    accounts: views,
    binding: bound && binding(bound),
    sessionMs: SESSION_MS,
    chance,
  })
  const choice = strategyOf(name)(
    { usable: views, bound: views.find(({ account }) => account.id === situation.binding?.account) },
    situation,
  )
  return choice && { name: choice.view.account.name, reason: choice.reason }
}

function binding({ account, spill }: Bound): Binding {
  const where = spill === undefined ? undefined : idOf(spill)
  return sampleBinding(account, { spill: where })
}

function withFive(
  name: string,
  utilization: number,
  leftMs: number,
  ...[account = {}, pace = 0]: readonly [Partial<Account>?, number?]
): AccountView {
  const window = { name: '5h', utilization, resetsAt: later(NOON, leftMs), readAt: NOON }
  return { ...sampleView(name, { account }), ...withWindows([window], { paces: new Map([['5h', pace]]) }) }
}

const shared = (name: string, weight: number, tier: number): AccountView =>
  sampleView(name, { account: { weight, tier } })

interface Plan {
  readonly priority?: number
  readonly inFlight?: number
  readonly begun?: number
  readonly lastTurn?: number
  /** Milliseconds after noon. */
  readonly sessionStart?: number
}

function view(name: string, { priority = 0, sessionStart, ...load }: Plan = {}): AccountView {
  const session =
    sessionStart === undefined ? undefined : { startedAt: later(NOON, sessionStart), requests: 1 }
  return sampleView(name, { account: { priority }, session, ...load })
}
