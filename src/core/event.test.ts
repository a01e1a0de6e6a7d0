/** What is told of the step from one health to the next: each change once, and nothing that did not happen. */
import { describe, expect, it } from 'bun:test'
import { NOON, sampleCooldown } from '../../test/support/samples.ts'
import { type AccountEvent, type Ending, eventsBetween } from './event.ts'
import type { Failure } from './failure.ts'
import {
  afterFailure,
  afterNewCredential,
  afterReading,
  afterSuccess,
  HEALTHY,
  type Health,
} from './health.ts'
import { HOUR, later, type Millis, SECOND } from './time.ts'

const until = later(NOON, HOUR)
const soon = later(NOON, SECOND)

describe('a cooldown', () => {
  it('is told with its scope, its cause, its evidence and its end when it begins', () => {
    expect(between(HEALTHY, cooling({}))).toEqual([
      {
        at: NOON,
        kind: 'cooling',
        scope: 'account',
        cause: 'window-spent',
        evidence: 'its 5h window is spent (429)',
        until,
      },
    ])
  })

  it('is not told again while it only goes on', () => {
    expect(between(cooling({}), cooling({ until: later(until, HOUR), evidence: 'again' }))).toEqual([])
  })

  it('is not called reopened when a newer refusal names an earlier end', () => {
    expect(between(cooling({}), cooling({ until: soon }))).toEqual([])
  })

  it('is told again when its cause becomes another one, without an end in between', () => {
    const events = between(cooling({ cause: 'throttled' }), cooling({ cause: 'window-spent' }))
    expect(events.map(({ kind, cause }) => [kind, cause])).toEqual([['cooling', 'window-spent']])
  })

  it('of a family is told apart from the account’s', () => {
    const both = {
      ...HEALTHY,
      cooldowns: [sampleCooldown(), sampleCooldown({ scope: OPUS, cause: 'family-spent' })],
    }
    expect(between(cooling({}), both).map(({ kind, scope }) => [kind, scope])).toEqual([
      ['cooling', 'family:opus'],
    ])
    expect(between(both, cooling({}), 'recovered')).toEqual([
      { at: NOON, kind: 'recovered', scope: 'family:opus', cause: 'family-spent' },
    ])
  })

  it('has recovered when a request has proven it', () => {
    const after = afterSuccess(cooling({}), 'claude-opus-5', until)
    expect(between(cooling({}), after, 'recovered', until)).toEqual([
      { at: until, kind: 'recovered', scope: 'account', cause: 'window-spent' },
    ])
  })

  it('is reopened when a poll has ended it, once', () => {
    const before = cooling({ window: '5h' })
    const reading = { name: '5h', utilization: 0, readAt: soon }
    const after = afterReading(before, [reading], soon)
    expect(between(before, after, 'reopened', soon)).toEqual([
      { at: soon, kind: 'reopened', scope: 'account', cause: 'window-spent' },
    ])
    expect(between(after, afterReading(after, [reading], soon), 'reopened', soon)).toEqual([])
  })

  it('is cleared when it was forgotten by hand', () => {
    expect(between(cooling({}), HEALTHY, 'cleared').map(({ kind }) => kind)).toEqual(['cleared'])
  })
})

describe('the need of a sign-in', () => {
  it('is told once, with its reason', () => {
    const first = afterFailure(HEALTHY, LOGIN, at(NOON))
    expect(between(HEALTHY, first)).toEqual([
      { at: NOON, kind: 'needs-login', evidence: 'its grant is gone' },
    ])
    const second = afterFailure(first, { ...LOGIN, evidence: 'still gone' }, at(soon))
    expect(between(first, second, 'recovered', soon)).toEqual([])
  })

  it('does not make a refused credential look recovered that it takes the place of', () => {
    for (const cause of ['unauthorized', 'refresh-failed', 'secret-unreadable'] as const) {
      const before = cooling({ cause })
      const after = afterFailure(before, LOGIN, at(NOON))
      expect(after.cooldowns).toEqual([])
      expect(between(before, after).map(({ kind }) => kind)).toEqual(['needs-login'])
    }
  })

  it('ends with a new credential', () => {
    const before = afterFailure(HEALTHY, LOGIN, at(NOON))
    expect(between(before, afterNewCredential(before), 'new-credential')).toEqual([
      { at: NOON, kind: 'new-credential', scope: 'account' },
    ])
  })
})

it('tells nothing where nothing has changed', () => {
  for (const health of [HEALTHY, cooling({}), afterFailure(HEALTHY, LOGIN, at(NOON))])
    expect(between(health, health)).toEqual([])
})

it('tells nothing of faults: they are held against nobody', () => {
  const fault: Failure = { cause: 'server-error', scope: { kind: 'request' }, evidence: '500' }
  expect(between(HEALTHY, afterFailure(HEALTHY, fault, at(NOON)))).toEqual([])
})

const OPUS = { kind: 'family', family: 'opus' } as const
const LOGIN: Failure = { cause: 'login-required', scope: { kind: 'account' }, evidence: 'its grant is gone' }

const at = (now: Millis) => ({ conversation: undefined, now })

function cooling(change: Parameters<typeof sampleCooldown>[0]): Health {
  return { ...HEALTHY, cooldowns: [sampleCooldown({ until, ...change })] }
}

function between(
  before: Health,
  after: Health,
  ending: Ending = 'recovered',
  now: Millis = NOON,
): readonly AccountEvent[] {
  return eventsBetween(before, after, { ending, now })
}
