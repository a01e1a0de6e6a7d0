/**
 * The routing decision around sign-ins, recoveries and organizations: renewed tokens, accounts
 * that have just come back, and where a conversation goes whose account cannot take it.
 */
import { describe, expect, it } from 'bun:test'
import {
  sampleFailed as failed,
  NOON,
  sampleBinding,
  sampleCooldown,
  sampleSituation,
  sampleView,
} from '../../test/support/samples.ts'
import { HEALTHY, type Health } from './health.ts'
import { nextStep, type Step } from './route.ts'
import type { AccountView, FailedAttempt, Situation } from './situation.ts'
import { HOUR, later, SECOND } from './time.ts'

describe('a token that was refused and has been renewed since', () => {
  const renewed = (name: string): FailedAttempt => ({ ...failed(name, 'unauthorized'), isRenewed: true })

  it('is worth one more attempt on the same account, at once and out of no budget', () => {
    const decided = step([view('a'), view('b')], {
      failed: [renewed('a')],
      retriesLeft: 0,
      request: { clientRetries: 3 },
    })
    expect(decided).toMatchObject({ kind: 'send', delayMs: 0, fresh: false, isRetry: false })
    expect(nameOf(decided)).toBe('a')
    expect(reasonOf(decided)).toBe('its token has been renewed')
  })

  it('is not worth a third: a second refusal says something about the account', () => {
    expect(nameOf(step([view('a'), view('b')], { failed: [renewed('a'), renewed('a')] }))).toBe('b')
    expect(
      nameOf(step([view('a'), view('b')], { failed: [renewed('a'), failed('a', 'unauthorized')] })),
    ).toBe('b')
  })

  it('is forgiven once for each account', () => {
    const attempts = [renewed('a'), failed('a', 'unauthorized'), renewed('b')]
    expect(nameOf(step([view('a'), view('b')], { failed: attempts }))).toBe('b')
  })

  it('leads nowhere when the account cannot take requests meanwhile', () => {
    const cooling = view('a', { health: cools(HOUR) })
    expect(nameOf(step([cooling, view('b')], { failed: [renewed('a')] }))).toBe('b')
  })

  it('is worth that attempt although its provider had said not to try again', () => {
    const final = { ...renewed('a'), failure: { ...renewed('a').failure, final: true } }
    expect(nameOf(step([view('a')], { failed: [final] }))).toBe('a')
  })
})

describe('an account that needs a login', () => {
  const needing = view('a', { health: { ...HEALTHY, login: { since: NOON, reason: 'its grant is gone' } } })

  it('is passed over, and the decision says why', () => {
    const decided = step([needing, view('b')], { binding: boundTo('a') })
    expect(nameOf(decided)).toBe('b')
    expect(decided.kind === 'send' ? decided.refusals.map(({ reason }) => reason) : []).toEqual([
      'needs-login',
    ])
  })

  it('is never waited for: nothing but a person can help', () => {
    expect(step([needing])).toMatchObject({
      kind: 'give-up',
      verdict: { status: 401, shouldRetry: false },
    })
  })
})

describe('an account that has just recovered', () => {
  const back = (inFlight: number, recoveredMs: number, fields: Partial<AccountView> = {}): AccountView =>
    view('a', { inFlight, health: { ...HEALTHY, recoveredAt: later(NOON, -recoveredMs) }, ...fields })

  it.each([
    [0, 0, 'a'],
    [1, 0, 'b'],
    [1, 5 * SECOND, 'a'],
    [2, 5 * SECOND, 'b'],
    [3, 10 * SECOND, 'a'],
    [31, 29 * SECOND, 'a'],
    [32, 29 * SECOND, 'b'],
    [500, 30 * SECOND, 'a'],
  ])('with %d requests in flight %d ms after it, lets a request go to %s', (inFlight, recoveredMs, name) => {
    const other = view('b', { account: { priority: 9 } })
    expect(nameOf(step([back(inFlight, recoveredMs), other]))).toBe(name)
  })

  it('takes everything all the same when nobody else is left', () => {
    expect(nameOf(step([back(50, 0), view('b', { health: cools(HOUR) })]))).toBe('a')
  })

  it('costs no budget for that', () => {
    expect(step([back(50, 0)], { retriesLeft: 0 })).toMatchObject({ kind: 'send', isRetry: false })
  })
})

describe('a conversation whose account cannot take it', () => {
  const home = view('home', { organization: 'acme', health: cools(HOUR) })
  const kin = view('kin', { organization: 'acme', account: { priority: 9 } })
  const stranger = view('stranger', { organization: 'other' })
  const nobodys = view('nobodys')
  const bound = { binding: boundTo('home') }

  it('goes to one of the same organization first, priority or not', () => {
    expect(nameOf(step([home, stranger, nobodys, kin], bound))).toBe('kin')
  })

  it('goes there also when its account has just failed it', () => {
    const well = { ...home, health: HEALTHY }
    expect(nameOf(step([well, stranger, kin], { ...bound, failed: [failed('home', 'server-error')] }))).toBe(
      'kin',
    )
  })

  it('chooses among those of its organization as the strategy says', () => {
    const other = view('other-kin', { organization: 'acme', account: { priority: 3 } })
    expect(nameOf(step([home, stranger, kin, other], bound))).toBe('other-kin')
  })

  it('goes elsewhere when none of its organization can take it', () => {
    const tired = { ...kin, health: cools(HOUR) }
    expect(nameOf(step([home, tired, stranger], bound))).toBe('stranger')
    expect(nameOf(step([home, kin, stranger], { ...bound, failed: [failed('kin', 'reset')] }))).toBe(
      'stranger',
    )
  })

  it('prefers an account that is well to one of its organization that is in trouble', () => {
    const faults = { ...HEALTHY.faults, inARow: 3, avoidUntil: later(NOON, 10 * SECOND) }
    const troubled = { ...kin, health: { ...HEALTHY, faults } }
    expect(nameOf(step([home, troubled, stranger], bound))).toBe('stranger')
  })

  it('counts nobody as kin where its account’s organization is not known: unknown is not the same', () => {
    const unknown = { ...home, organization: undefined }
    expect(
      nameOf(step([unknown, stranger, { ...nobodys, account: { ...nobodys.account, priority: 5 } }], bound)),
    ).toBe('stranger')
  })

  it('stays where it is as long as its account can take it', () => {
    const well = { ...home, health: HEALTHY }
    const decided = step([well, kin, stranger], bound)
    expect(nameOf(decided)).toBe('home')
    expect(reasonOf(decided)).not.toContain('organization')
  })
})

describe('what a conversation loses by leaving its organization is said', () => {
  const home = view('home', { organization: 'acme', health: cools(HOUR) })
  const stranger = view('stranger', { organization: 'other' })
  const reason = (model: string | undefined, accounts: readonly AccountView[], where = 'home') =>
    reasonOf(step(accounts, { binding: boundTo(where), request: { model } })) ?? ''
  const FAREWELL = /drops this conversation’s earlier thinking/

  it.each([
    'claude-sonnet-5-5',
    'claude-haiku-5-5',
    'anthropic/claude-sonnet-5.5',
    'claude-haiku-5-5-20261001',
  ])('for %s, whose blocks are bound to it', (model) => {
    expect(reason(model, [home, stranger])).toMatch(FAREWELL)
  })

  it.each(['claude-opus-5-5', 'claude-sonnet-5', 'claude-fable-5-2', 'glm-5.5', undefined])(
    'not for %s, whose blocks are not',
    (model) => {
      expect(reason(model, [home, stranger])).not.toMatch(FAREWELL)
    },
  )

  it('not when it goes to an account of the same organization', () => {
    expect(reason('claude-sonnet-5-5', [home, view('kin', { organization: 'acme' })])).not.toMatch(FAREWELL)
  })

  it('not when it stays, when it is new, or when nobody knows where it was', () => {
    expect(reason('claude-sonnet-5-5', [{ ...home, health: HEALTHY }])).not.toMatch(FAREWELL)
    expect(reasonOf(step([stranger]))).not.toMatch(FAREWELL)
    expect(reason('claude-sonnet-5-5', [{ ...home, organization: undefined }, stranger])).not.toMatch(
      FAREWELL,
    )
    expect(reason('claude-sonnet-5-5', [stranger], 'removed')).not.toMatch(FAREWELL)
  })
})

type Fields = Partial<Omit<Situation, 'request' | 'accounts'>> & {
  readonly request?: Partial<Situation['request']>
}

function step(accounts: readonly AccountView[], fields: Fields = {}): Step {
  return nextStep(sampleSituation({ accounts, ...fields }))
}

const nameOf = (decided: Step): string | undefined =>
  decided.kind === 'send' ? decided.account.name : undefined
const reasonOf = (decided: Step): string | undefined => (decided.kind === 'send' ? decided.reason : undefined)

function boundTo(home: string): Situation['binding'] {
  return sampleBinding(home)
}

function cools(lastsMs: number): Health {
  return { ...HEALTHY, cooldowns: [sampleCooldown({ until: later(NOON, lastsMs) })] }
}

const view = sampleView
