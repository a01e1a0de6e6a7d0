/** What the operator's rules, an account's limits and its windows keep a request from. */
import { describe, expect, it } from 'bun:test'
import {
  NOON,
  SAMPLE_POLICY,
  sampleBinding,
  sampleSituation,
  sampleView,
  withWindows,
} from '../../test/support/samples.ts'
import { HEALTHY, NO_FAULTS } from './health.ts'
import type { Window } from './limits.ts'
import { modelFor, refusalOf } from './refusal.ts'
import { readPools, readReserves } from './rules-input.ts'
import type { AccountView, RequestFacts, Situation } from './situation.ts'
import { HOUR, later, MINUTE, SECOND, startOfNextDay } from './time.ts'

describe('an account outside the request’s pool', () => {
  const pool = readPools({ work: ['subscriptions', { group: 'keys', usdPerDay: 20 }] }).get('work')

  it('is left out', () => {
    expect(refusal(sampleView('a'), { pool })).toMatchObject({ reason: 'not-in-pool' })
    expect(refusal(inGroups('keys'), { pool })).toBeUndefined()
  })

  it('is over its budget until the day ends when its group’s money is spent', () => {
    const spentUsd = (group: string) => (group === 'keys' ? 20.5 : 0)
    expect(refusal(inGroups('keys'), { pool, spentUsd })).toMatchObject({
      reason: 'over-budget',
      evidence: 'the group keys has cost its 20 USD for today',
      until: startOfNextDay(NOON),
    })
    expect(refusal(inGroups('subscriptions'), { pool, spentUsd })).toBeUndefined()
  })
})

it('an account outside the groups of the request’s key is left out, whatever its pool', () => {
  const groups = ['home', 'lab']
  expect(refusal(inGroups('work'), {}, { groups })).toMatchObject({
    reason: 'not-for-key',
    evidence: 'its key is for home, lab',
  })
  expect(refusal(inGroups('work', 'lab'), {}, { groups })).toBeUndefined()
  const pool = readPools({ work: ['work'] }).get('work')
  expect(refusal(inGroups('work'), { pool }, { groups })).toMatchObject({ reason: 'not-for-key' })
  expect(refusal(inGroups('lab'), { pool }, { groups })).toMatchObject({ reason: 'not-in-pool' })
})

it('an account that the client does not want is excluded', () => {
  expect(refusal(sampleView('a'), {}, { excluded: ['b', 'a'] })).toMatchObject({ reason: 'excluded' })
  expect(refusal(sampleView('a'), {}, { excluded: ['b'] })).toBeUndefined()
})

describe('an account with a limit of requests at once', () => {
  it('is busy when it has that many, and not before', () => {
    const limited = (inFlight: number) => sampleView('a', { account: { maxConcurrent: 2 }, inFlight })
    expect(refusal(limited(1))).toBeUndefined()
    expect(refusal(limited(2))).toMatchObject({
      reason: 'busy',
      evidence: '2 requests in flight, its limit is 2',
    })
  })
})

describe('a window that this request would cross', () => {
  const near = withWorth('5h', 0.95, 100_000)

  it('is left to others, softly: nobody is refused for a forecast', () => {
    expect(refusal(near, {}, { tokens: 10_000 })).toMatchObject({
      reason: 'near-limit',
      isSoft: true,
      until: later(NOON, HOUR),
    })
    expect(refusal(near, {}, { tokens: 4_000 })).toBeUndefined()
  })

  it('counts what is in flight already', () => {
    expect(refusal({ ...near, expectedTokens: 2_000 }, {}, { tokens: 4_000 })).toMatchObject({
      reason: 'near-limit',
    })
  })

  it('counts at once where nobody knows yet what a window is worth, but only when it is full', () => {
    expect(refusal({ ...near, worth: new Map() }, {}, { tokens: 1_000_000 })).toBeUndefined()
    const full = sampleView('a', withWindows([reading('5h', 1)]))
    expect(refusal(full)).toMatchObject({ reason: 'near-limit' })
  })

  it('is used up by the conversations that are at home there', () => {
    const binding = sampleBinding('a')
    expect(refusal(near, { binding }, { tokens: 10_000 })).toBeUndefined()
    const cold = sampleBinding('a', { cache: { touchedAt: later(NOON, -HOUR) } })
    expect(refusal(near, { binding: cold }, { tokens: 10_000 })).toMatchObject({ reason: 'near-limit' })
  })

  it('is none when it meters another family, or has ended', () => {
    const opus = withWorth('7d_opus', 0.99, 1_000)
    expect(refusal(opus)).toBeUndefined()
    expect(refusal(opus, {}, { wanted: 'claude-opus-5-5' })).toMatchObject({ reason: 'near-limit' })
    const ended = sampleView('a', { windows: [{ ...reading('5h', 1), resetsAt: NOON }], tightest: 1 })
    expect(refusal(ended)).toBeUndefined()
  })
})

describe('a reserve', () => {
  const reserves = readReserves([{ class: 'interactive', window: '5h', percent: 20, lend: '30m' }])
  const background = { class: 'background' } as const

  it('is kept from other classes of work, until shortly before the window ends', () => {
    const view = sampleView('a', withWindows([reading('5h', 0.81)]))
    expect(refusal(view, { reserves }, background)).toMatchObject({
      reason: 'reserved',
      evidence: '20 % of its 5h window are kept for interactive work',
      until: later(NOON, 30 * MINUTE),
    })
    expect(refusal(view, { reserves })).toBeUndefined()
  })

  it('is lent out then', () => {
    const soon = { ...reading('5h', 0.81), resetsAt: later(NOON, 30 * MINUTE) }
    expect(refusal(sampleView('a', withWindows([soon])), { reserves }, background)).toBeUndefined()
  })

  it('leaves the rest to everybody', () => {
    const view = sampleView('a', withWindows([reading('5h', 0.8)]))
    expect(refusal(view, { reserves }, background)).toBeUndefined()
  })

  it('can be of one group only', () => {
    const ofTeam = readReserves([{ class: 'interactive', window: '5h', percent: 20, group: 'team' }])
    const view = {
      ...sampleView('a', { account: { groups: ['team'] } }),
      ...withWindows([reading('5h', 0.9)]),
    }
    expect(refusal(view, { reserves: ofTeam }, background)).toMatchObject({ reason: 'reserved' })
    const other = { ...view, account: { ...view.account, groups: [] } }
    expect(refusal(other, { reserves: ofTeam }, background)).toBeUndefined()
  })
})

describe('a circuit', () => {
  const faults = { ...NO_FAULTS, inARow: 5, trips: 5, lastAt: later(NOON, -SECOND) }

  it('keeps requests away while it is open', () => {
    expect(refusal(sampleView('a', { health: { ...HEALTHY, faults } }))).toMatchObject({
      reason: 'circuit-open',
      evidence: 'it has failed 5 times in a row',
      until: later(NOON, 4 * SECOND),
    })
  })

  it('lets one request try when its time is over', () => {
    const halfOpen = { ...HEALTHY, faults: { ...faults, lastAt: later(NOON, -MINUTE) } }
    expect(refusal(sampleView('a', { health: halfOpen }))).toBeUndefined()
    expect(refusal(sampleView('a', { health: halfOpen, probingSince: NOON }))).toMatchObject({
      reason: 'probing',
    })
  })

  it('of an origin holds for all its accounts, and takes twice as many faults', () => {
    const origin = (inARow: number) => ({
      faults: { ...faults, inARow, trips: inARow },
      probingSince: undefined,
    })
    expect(refusal(sampleView('a', { origin: origin(9) }))).toBeUndefined()
    expect(refusal(sampleView('a', { origin: origin(10) }))).toMatchObject({
      reason: 'circuit-open',
      evidence: 'its endpoint has failed 10 times in a row',
    })
  })

  it('is the operator’s to set', () => {
    const policy = { ...SAMPLE_POLICY, circuitFaults: 0 }
    expect(refusal(sampleView('a', { health: { ...HEALTHY, faults } }), { policy })).toBeUndefined()
  })
})

describe('a model map with alternatives', () => {
  const mapped = sampleView('a', { account: { modelMap: new Map([['opus', ['first', 'second']]]) } })
  const without = (...models: readonly string[]) => ({
    ...mapped,
    health: {
      ...HEALTHY,
      cooldowns: models.map((model) => ({
        scope: { kind: 'model', model } as const,
        cause: 'model-not-found' as const,
        evidence: `it does not have ${model}`,
        since: NOON,
        until: later(NOON, HOUR),
      })),
    },
  })
  const asked = { wanted: 'claude-opus-5-5', model: 'claude-opus-5-5' }

  it('asks for the first that can be served', () => {
    expect(modelFor(mapped, sampleSituation({ request: asked }))).toBe('first')
    expect(modelFor(without('first'), sampleSituation({ request: asked }))).toBe('second')
  })

  it('refuses when none of them can', () => {
    expect(refusal(without('first'), {}, asked)).toBeUndefined()
    expect(refusal(without('first', 'second'), {}, asked)).toMatchObject({
      reason: 'cooling',
      cause: 'model-not-found',
    })
  })
})

function refusal(
  view: AccountView,
  fields: Partial<Omit<Situation, 'request'>> = {},
  request: Partial<RequestFacts> = {},
) {
  return refusalOf(view, sampleSituation({ request, ...fields }))
}

const inGroups = (...groups: readonly string[]) => sampleView('a', { account: { groups } })

const reading = (name: string, utilization: number): Window => ({
  name,
  utilization,
  resetsAt: later(NOON, HOUR),
  readAt: NOON,
})

function withWorth(name: string, utilization: number, tokens: number): AccountView {
  return sampleView('a', { ...withWindows([reading(name, utilization)]), worth: new Map([[name, tokens]]) })
}
