/** What the client is told when nobody is left: one status for each mixture, with true times. */
import { describe, expect, it } from 'bun:test'
import {
  sampleFailed as failed,
  NOON,
  ownerOf,
  sampleCooldown,
  sampleSituation,
  sampleView,
} from '../../test/support/samples.ts'
import type { Cause } from './failure.ts'
import { HEALTHY } from './health.ts'
import { refusalOf } from './refusal.ts'
import type { AccountView, FailedAttempt } from './situation.ts'
import { HOUR, later, MINUTE, SECOND } from './time.ts'
import { type Verdict, verdictOf } from './verdict.ts'

describe('when every account is limited', () => {
  it('the client gets a 429 with the earliest moment at which any of them serves again', () => {
    const failed = [spent('a', 2 * HOUR), spent('b', 35 * MINUTE), spent('c', 3 * HOUR)]
    expect(verdict(['a', 'b', 'c'], failed)).toMatchObject({
      kind: 'own',
      status: 429,
      retryAfterSeconds: 35 * 60,
    })
  })

  it('the wait is rounded up to a whole second, and is one at least', () => {
    expect(verdict(['a'], [spent('a', 1_001)])).toMatchObject({ retryAfterSeconds: 2 })
    expect(verdict(['a'], [spent('a', 1)])).toMatchObject({ retryAfterSeconds: 1 })
    expect(verdict(['a'], [spent('a', -HOUR)])).toMatchObject({ retryAfterSeconds: 1 })
  })

  it('accounts that were not asked because they cool count like those that were', () => {
    expect(verdict(['a', cooling('b', 'window-spent', MINUTE)], [spent('a', HOUR)])).toMatchObject({
      status: 429,
      retryAfterSeconds: 60,
    })
  })

  it.each<Cause>(['window-spent', 'family-spent', 'throttled', 'spend-limit', 'billing'])(
    '%s is a limit',
    (cause) => {
      expect(verdict([cooling('a', cause, MINUTE)])).toMatchObject({ status: 429, retryAfterSeconds: 60 })
    },
  )

  it('the message names every account, its reason and its time', () => {
    expect(messageOf(verdict(['a', cooling('b', 'throttled', MINUTE)], [spent('a', 2 * HOUR)]))).toBe(
      'Every account that could take this request is limited. ' +
        'a: window-spent seen, until 2026-11-20T14:00:00.000Z (in 2 h). ' +
        'b: throttled seen, until 2026-11-20T12:01:00.000Z (in 60 s).',
    )
  })

  it('an account that is just being tested is worth coming back for at once', () => {
    const probing = { ...cooling('a', 'window-spent', 0), probingSince: NOON }
    expect(verdict([probing])).toMatchObject({ status: 429, retryAfterSeconds: 1 })
  })

  it('paused accounts and refused credentials do not change the answer', () => {
    const views = [paused('p'), cooling('u', 'unauthorized', MINUTE), cooling('a', 'window-spent', HOUR)]
    expect(verdict(views)).toMatchObject({ status: 429, retryAfterSeconds: 3_600 })
  })
})

describe('when every account is overloaded', () => {
  it('the client gets a 503 with a short wait, because clients give up on 529', () => {
    expect(verdict(['a', 'b'], [overloaded('a'), overloaded('b')])).toMatchObject({
      kind: 'own',
      status: 503,
      retryAfterSeconds: 5,
    })
  })

  it('it is not handed the 529 even where that could be shown', () => {
    expect(verdict(['a'], [{ ...overloaded('a'), isPresentable: true }])).toMatchObject({
      kind: 'own',
      status: 503,
    })
  })
})

describe('when some are limited and others overloaded', () => {
  it('the client gets a 429', () => {
    expect(verdict(['a', 'b'], [spent('a', 2 * SECOND), overloaded('b')])).toMatchObject({
      status: 429,
      retryAfterSeconds: 2,
    })
  })

  it('it is not sent away for hours: an overload passes sooner', () => {
    expect(verdict(['a', 'b'], [spent('a', 4 * HOUR), overloaded('b')])).toMatchObject({
      status: 429,
      retryAfterSeconds: 60,
    })
  })
})

describe('when every account was refused', () => {
  it('the client gets a 401 and is told not to try again, because nothing heals within seconds', () => {
    expect(verdict(['a', 'b'], [failed('a', 'unauthorized'), failed('b', 'unauthorized')])).toMatchObject({
      kind: 'own',
      status: 401,
      shouldRetry: false,
    })
  })

  it('whether it was asked now or is known since earlier', () => {
    const known = cooling('b', 'unauthorized', MINUTE)
    expect(verdict(['a', known], [failed('a', 'unauthorized')])).toMatchObject({
      status: 401,
      shouldRetry: false,
    })
  })

  it('is not what it hears when one account merely lacks the right', () => {
    expect(verdict(['a', 'b'], [failed('a', 'unauthorized'), failed('b', 'forbidden')])).toMatchObject({
      status: 403,
    })
  })
})

describe('when accounts need a sign-in', () => {
  it('all of them: the client gets a 401 that says why, and is told not to try again', () => {
    const all = verdict([needingLogin('a'), needingLogin('b')])
    expect(all).toMatchObject({ kind: 'own', status: 401, shouldRetry: false })
    expect(messageOf(all)).toContain('a: needs a sign-in: its grant is gone. b: needs a sign-in')
  })

  it('the others’ limits decide when it is worth coming back', () => {
    expect(verdict([needingLogin('a'), cooling('b', 'window-spent', MINUTE)])).toMatchObject({
      status: 429,
      retryAfterSeconds: 60,
    })
  })

  it('one that was found out by this very request counts the same', () => {
    expect(verdict(['a', needingLogin('b')], [failed('a', 'login-required')])).toMatchObject({
      status: 401,
      shouldRetry: false,
    })
  })

  it('a token that could not be renewed just now is trouble that passes, no refusal', () => {
    expect(verdict(['a', needingLogin('b')], [failed('a', 'refresh-failed')])).toMatchObject({
      status: 503,
      retryAfterSeconds: 5,
    })
    expect(verdict([cooling('a', 'refresh-failed', MINUTE)])).toMatchObject({ status: 503 })
  })
})

describe('when no account serves the model', () => {
  it('the client gets the last upstream answer that can be shown', () => {
    const attempts = [shown('a', 'model-not-found'), shown('b', 'model-not-found'), failed('c', 'forbidden')]
    expect(verdict(['a', 'b', 'c'], attempts)).toEqual({ kind: 'relay', attempt: 1 })
  })

  it('it gets a 403 of ours where none can be shown', () => {
    expect(verdict(['a', cooling('b', 'model-not-found', MINUTE)], [failed('a', 'forbidden')])).toMatchObject(
      {
        kind: 'own',
        status: 403,
        shouldRetry: false,
      },
    )
  })

  it('it gets a 404 of the upstream rather than a 401 of ours when accounts differ', () => {
    expect(verdict(['a', 'b'], [shown('a', 'model-not-found'), shown('b', 'unauthorized')])).toEqual({
      kind: 'relay',
      attempt: 0,
    })
  })
})

describe('when something is broken', () => {
  it('the client gets the upstream’s own words where there are any', () => {
    expect(verdict(['a', 'b'], [shown('a', 'server-error'), failed('b', 'reset')])).toEqual({
      kind: 'relay',
      attempt: 0,
    })
  })

  it('it gets an account’s last answer, not its first', () => {
    const attempts = [shown('a', 'server-error'), failed('b', 'connect-refused'), shown('a', 'server-error')]
    expect(verdict(['a', 'b'], attempts)).toEqual({ kind: 'relay', attempt: 2 })
  })

  it('it gets a 503 with a short wait where nobody said anything', () => {
    expect(verdict(['a', 'b'], [failed('a', 'connect-refused'), failed('b', 'dns-failed')])).toMatchObject({
      kind: 'own',
      status: 503,
      retryAfterSeconds: 5,
    })
  })

  it('it gets a 504 when all of them took too long', () => {
    expect(
      verdict(['a', 'b'], [failed('a', 'headers-timeout'), failed('b', 'content-timeout')]),
    ).toMatchObject({
      kind: 'own',
      status: 504,
    })
  })

  it('one that took too long among others that could not be reached makes no 504', () => {
    expect(verdict(['a', 'b'], [failed('a', 'headers-timeout'), failed('b', 'reset')])).toMatchObject({
      status: 503,
    })
  })

  it('a refusal without a reason is handed on as it came', () => {
    expect(verdict(['a', 'b'], [shown('a', 'request-refused'), shown('b', 'request-refused')])).toEqual({
      kind: 'relay',
      attempt: 1,
    })
  })

  it('outweighs limits: coming back soon can help', () => {
    expect(verdict(['a', 'b'], [spent('a', HOUR), failed('b', 'connect-refused')])).toMatchObject({
      status: 503,
      retryAfterSeconds: 5,
    })
  })

  it('an account that there was no budget left to try counts as one', () => {
    const message = messageOf(verdict(['a', 'b'], [failed('a', 'reset')]))
    expect(message).toContain('b: not tried')
  })
})

describe('when there is nobody to ask', () => {
  it('every account paused is a 503 that says how to resume one', () => {
    const all = verdict([paused('a'), paused('b')])
    expect(all).toMatchObject({ kind: 'own', status: 503 })
    expect(messageOf(all)).toContain('Every account is paused. Resume one with "spillway accounts resume')
  })

  it('no account at all is a 503', () => {
    expect(verdict([])).toMatchObject({ kind: 'own', status: 503 })
  })

  it('only the owner of a resource is spoken of, because no other could have served', () => {
    const owned = verdict([cooling('owner', 'window-spent', MINUTE), 'other'], [], 'owner')
    expect(owned).toMatchObject({ status: 429, retryAfterSeconds: 60 })
    expect(messageOf(owned)).not.toContain('other')
  })
})

function verdict(
  accounts: readonly (string | AccountView)[],
  attempts: readonly FailedAttempt[] = [],
  owner?: string,
): Verdict {
  const views = accounts.map((each) => (typeof each === 'string' ? sampleView(each) : each))
  const request = { owner: owner === undefined ? undefined : ownerOf(owner) }
  const situation = sampleSituation({ request, accounts: views, failed: attempts })
  return verdictOf(
    situation,
    views.flatMap((each) => refusalOf(each, situation) ?? []),
  )
}

function messageOf(given: Verdict): string {
  return given.kind === 'own' ? given.message : ''
}

function spent(account: string, lastsMs: number): FailedAttempt {
  return failed(account, 'window-spent', { until: later(NOON, lastsMs) })
}

function overloaded(account: string): FailedAttempt {
  return failed(account, 'overloaded')
}

function shown(account: string, cause: Cause): FailedAttempt {
  return { ...failed(account, cause), isPresentable: true }
}

function cooling(name: string, cause: Cause, lastsMs: number): AccountView {
  const cooldown = sampleCooldown({ cause, evidence: `${cause} seen`, until: later(NOON, lastsMs) })
  return sampleView(name, { health: { ...HEALTHY, cooldowns: [cooldown] } })
}

function needingLogin(name: string): AccountView {
  return sampleView(name, { health: { ...HEALTHY, login: { since: NOON, reason: 'its grant is gone' } } })
}

function paused(name: string): AccountView {
  return sampleView(name, { account: { pausedAt: NOON } })
}
