/** What the simulation has found in the routing, as the small traces that it was shrunk to. */
import { describe, expect, it } from 'bun:test'
import { DAY, HOUR, later, MINUTE, SECOND } from '../../src/core/time.ts'
import type { Scenario } from '../../src/simulation/scenario.ts'
import { simulate } from '../../src/simulation/simulate.ts'
import type { TraceAccount, TraceFault, TraceRequest } from '../../src/simulation/trace.ts'
import { NOON } from '../support/samples.ts'
import { RULES } from './rules.ts'

describe('a request that has met a limit of its own', () => {
  it('waits for the account that another one is just testing, whose window has begun anew', async () => {
    const accounts = [
      accountOf('anna', { windows: [{ name: '5h', lengthMs: 5 * HOUR, capacity: 100_000 }] }),
      accountOf('bert', { windows: [{ name: '5h', lengthMs: 5 * HOUR, capacity: 1 }] }),
    ]
    const spending = [0, 1, 2].map((minute) => requestAt(minute * MINUTE, 'c', { promptTokens: 50_000 }))
    const atItsEnd = [requestAt(5 * HOUR, 'd1'), requestAt(5 * HOUR, 'd2')]
    const { tally } = await held({ accounts, requests: [...spending, ...atItsEnd] })
    expect(tally).toMatchObject({ served: 5, refused: 0 })
  })

  it('waits, when a throttle is over that several have waited for, until the first of them knows', async () => {
    const accounts = [accountOf('anna', { faults: [fault('throttled', 0, 2 * SECOND)] })]
    const requests = ['c1', 'c2', 'c3'].map((conversation) => requestAt(200, conversation))
    expect((await held({ accounts, requests })).tally).toMatchObject({ served: 3, refused: 0 })
  })

  it('goes to an account whose throttle has ended while it was tried again elsewhere', async () => {
    const accounts = [
      accountOf('bert', { faults: [fault('overloaded', 0, HOUR)] }),
      accountOf('cleo', { priority: 1, faults: [fault('throttled', 0, 1_800)] }),
    ]
    expect((await held({ accounts, requests: [requestAt(0, 'c')] })).tally).toMatchObject({ served: 1 })
  })
})

/** Fails with what did not hold. */
async function held(parts: Pick<Scenario['trace'], 'accounts' | 'requests'>) {
  const trace = { name: 'found', description: '', startsAt: NOON, endsAt: later(NOON, DAY), ...parts }
  const outcome = await simulate({ ...RULES, trace, strategy: 'affinity', seed: 1 }, { isChecked: true })
  if (outcome.breach !== undefined) throw new Error(`${outcome.breach.invariant}: ${outcome.breach.sentence}`)
  return outcome
}

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

const fault = (kind: TraceFault['kind'], fromMs: number, untilMs: number): TraceFault => ({
  kind,
  from: later(NOON, fromMs),
  until: later(NOON, untilMs),
})

const requestAt = (ms: number, conversation: string, fields: Partial<TraceRequest> = {}): TraceRequest => ({
  at: later(NOON, ms),
  conversation,
  model: 'claude-sonnet-5-5',
  promptTokens: 5_000,
  cachedTokens: 0,
  outputTokens: 100,
  cacheLifeMs: 5 * MINUTE,
  durationMs: 4 * SECOND,
  class: 'interactive',
  ...fields,
})
