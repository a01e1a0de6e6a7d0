/** The simulated providers: windows on a grid and begun by use, caches, faults, plans, poison. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { DAY, HOUR, later, MINUTE, type Millis } from '../core/time.ts'
import type { TraceAccount, TraceRequest } from './trace.ts'
import { createWorld, type Reply, type World } from './world.ts'

const MODEL = 'claude-opus-5-5'

describe('a window', () => {
  it('that is begun by its first use is spent until its own end, and then open again', () => {
    const world = worldOf({ windows: [{ name: '5h', lengthMs: 5 * HOUR, capacity: 1 }] })
    expect(ask(world, { at: MINUTE }).kind).toBe('answered')
    expect(ask(world, { at: HOUR })).toMatchObject({
      kind: 'failed',
      failure: {
        cause: 'window-spent',
        scope: { kind: 'account' },
        until: later(NOON, 5 * HOUR + MINUTE),
        window: '5h',
      },
      limits: { windows: [{ name: '5h', status: 'rejected', resetsAt: later(NOON, 5 * HOUR + MINUTE) }] },
    })
    expect(ask(world, { at: 5 * HOUR + MINUTE }).kind).toBe('answered')
  })

  it('on a grid ends with the grid, whenever it was used first', () => {
    const gridFrom = later(NOON, -6 * DAY)
    const world = worldOf({ windows: [{ name: '7d', lengthMs: 7 * DAY, capacity: 1, gridFrom }] })
    ask(world, { at: HOUR })
    expect(world.readings('a', later(NOON, 2 * HOUR))).toMatchObject([{ resetsAt: later(NOON, DAY) }])
    expect(ask(world, { at: DAY }).kind).toBe('answered')
  })

  it('of a family meters and refuses that family only', () => {
    const world = worldOf({ windows: [{ name: '7d_opus', lengthMs: 7 * DAY, capacity: 1, family: 'opus' }] })
    ask(world, {})
    expect(ask(world, {})).toMatchObject({
      failure: { cause: 'family-spent', scope: { kind: 'family', family: 'opus' } },
    })
    expect(ask(world, { model: 'claude-sonnet-5-5' }).kind).toBe('answered')
  })

  it('stands as it is said to at the beginning, and is not mentioned before its first use', () => {
    const initial = { used: 50, endsAt: later(NOON, HOUR) }
    const common = { name: '5h', lengthMs: 5 * HOUR, capacity: 100 }
    expect(worldOf({ windows: [{ ...common, initial }] }).readings('a', NOON)).toMatchObject([
      { utilization: 0.5, status: 'allowed', resetsAt: initial.endsAt },
    ])
    expect(worldOf({ windows: [common] }).readings('a', NOON)).toEqual([])
  })
})

describe('a prompt cache', () => {
  it('is read by the next turn while it is warm, and takes less out of windows', () => {
    const world = worldOf({})
    expect(usageOf(ask(world, { cachedTokens: 0 }))).toEqual([0, 10_000])
    expect(usageOf(ask(world, { at: 4 * MINUTE, cachedTokens: 8_000 }))).toEqual([8_000, 2_000])
  })

  it('is gone when it was not used for its life, and is used by the account’s organization only', () => {
    const accounts = [
      accountOf('a', { organization: 'acme' }),
      accountOf('b', { organization: 'acme' }),
      accountOf('c'),
    ]
    const world = createWorld({ accounts })
    ask(world, {})
    expect(usageOf(ask(world, { account: 'b', cachedTokens: 8_000 }))[0]).toBe(8_000)
    expect(usageOf(ask(world, { account: 'c', cachedTokens: 8_000 }))[0]).toBe(0)
    expect(usageOf(ask(world, { at: 5 * MINUTE, cachedTokens: 8_000 }))[0]).toBe(0)
  })
})

describe('what goes wrong', () => {
  it.each([
    ['down', 'connect-refused'],
    ['server-error', 'server-error'],
    ['overloaded', 'overloaded'],
    ['throttled', 'throttled'],
    ['unauthorized', 'unauthorized'],
    ['request-refused', 'request-refused'],
  ] as const)('while an account is %s is %s, and is over with its fault', (kind, cause) => {
    const world = worldOf({ faults: [{ kind, from: NOON, until: later(NOON, MINUTE) }] })
    expect(ask(world, {})).toMatchObject({ kind: 'failed', failure: { cause } })
    expect(wouldServe(world, {})).toBe(false)
    expect(ask(world, { at: MINUTE }).kind).toBe('answered')
  })

  it('of a throttle names its true end', () => {
    const until = later(NOON, 20_000)
    const world = worldOf({ faults: [{ kind: 'throttled', from: NOON, until }] })
    expect(ask(world, {})).toMatchObject({ failure: { scope: { kind: 'account' }, until } })
  })

  it('of a plan is a refusal that names the model alone', () => {
    const world = worldOf({ models: ['sonnet'] })
    expect(ask(world, {})).toMatchObject({
      failure: { cause: 'forbidden', scope: { kind: 'model', model: MODEL } },
    })
    expect(wouldServe(world, { model: 'claude-sonnet-5-5' })).toBe(true)
  })

  it('of a poisonous request is the same everywhere', () => {
    const world = createWorld({ accounts: [accountOf('a'), accountOf('b')] })
    for (const account of ['a', 'b']) {
      expect(ask(world, { account, isPoisonous: true })).toMatchObject({ kind: 'refused', status: 400 })
      expect(ask(world, { account, isPoisonous: true, poison: 'server-error' })).toMatchObject({
        status: 500,
      })
    }
  })

  it('after an answer has begun breaks it off', () => {
    const world = worldOf({ faults: [{ kind: 'truncated', from: NOON, until: later(NOON, MINUTE) }] })
    expect(ask(world, {})).toMatchObject({ kind: 'answered', isTruncated: true, usage: { complete: false } })
    expect(wouldServe(world, {})).toBe(false)
  })
})

const accountOf = (name: string, fields: Partial<TraceAccount> = {}): TraceAccount => ({
  name,
  priority: 0,
  weight: 1,
  tier: 1,
  groups: [],
  windows: [],
  isPaid: false,
  faults: [],
  ...fields,
})

const worldOf = (fields: Partial<TraceAccount>): World => createWorld({ accounts: [accountOf('a', fields)] })

type Asking = Partial<Omit<TraceRequest, 'at'>> & { readonly at?: number; readonly account?: string }

function toAsked({ at = 0, account = 'a', ...fields }: Asking) {
  const now: Millis = later(NOON, at)
  const sizes = {
    promptTokens: 10_000,
    cachedTokens: 0,
    outputTokens: 100,
    cacheLifeMs: 5 * MINUTE,
    durationMs: 2_000,
  }
  const request: TraceRequest = {
    conversation: 'c',
    model: MODEL,
    class: 'interactive',
    ...sizes,
    ...fields,
    at: now,
  }
  return { account, request, model: request.model, now }
}

const ask = (world: World, asking: Asking): Reply => world.ask(toAsked(asking))
const wouldServe = (world: World, asking: Asking): boolean => world.wouldServe(toAsked(asking))

function usageOf(reply: Reply): readonly [read: number, written: number] {
  if (reply.kind !== 'answered') throw new Error(`It was ${reply.kind}.`)
  return [reply.usage.cacheReadTokens, reply.usage.cacheWrite5mTokens]
}
