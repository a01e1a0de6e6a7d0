/** Each strategy's choice among accounts that can all take the request, and its reason. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { idOf, NOON, sampleSituation, sampleView } from '../../test/support/samples.ts'
import type { Binding } from './session.ts'
import type { AccountView } from './situation.ts'
import { isStrategy, STRATEGIES, type StrategyName, strategyOf } from './strategies.ts'
import { HOUR, later, MINUTE } from './time.ts'

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
      reason: 'best priority, then fewest requests in flight',
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

describe('every strategy', () => {
  const names = STRATEGIES.map(({ name }) => name)

  it.each(names)('%s chooses nobody where there is nobody', (name) => {
    expect(chosen(name, [])).toBeUndefined()
  })

  it.each(names)('%s takes the first of equals, so that a decision can be repeated', (name) => {
    expect(chosen(name, [view('a'), view('b'), view('c')])?.name).toBe('a')
  })

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

function chosen(name: StrategyName, views: readonly AccountView[], bound?: Bound) {
  const situation = sampleSituation({
    accounts: views,
    binding: bound && binding(bound),
    sessionMs: SESSION_MS,
  })
  const choice = strategyOf(name)(views, situation)
  return choice && { name: choice.view.account.name, reason: choice.reason }
}

function binding({ account, spill }: Bound): Binding {
  const where = spill === undefined ? undefined : idOf(spill)
  return { account: idOf(account), spill: where, boundAt: NOON, usedAt: NOON }
}

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
