/**
 * The live pool: what it takes over from the operator and from earlier runs, what it writes
 * down and tells when an account’s state changes, and that polls are held against nobody.
 */
import { describe, expect, it } from 'bun:test'
import { idOf, manualClock, NOON, sampleAccount, sampleCooldown } from '../../test/support/samples.ts'
import { type Account, type AccountId, toSealedSecret } from '../core/account.ts'
import type { AccountEvent } from '../core/event.ts'
import type { Failure } from '../core/failure.ts'
import { HEALTHY } from '../core/health.ts'
import type { Window } from '../core/limits.ts'
import type { HealthStore, StoredHealth } from '../core/ports/stores.ts'
import { DAY, HOUR, later, MINUTE, SECOND } from '../core/time.ts'
import { createPool } from './pool.ts'

const MODEL = 'claude-sonnet-5-5'
const SENDING = { model: MODEL, tokens: 1_000 }
const A = idOf('a')

describe('the operator’s list', () => {
  it('brings accounts, takes them away, and leaves the state of the rest alone', () => {
    const { pool } = open([sampleAccount('a'), sampleAccount('b')])
    pool.failed(A, SPENT, 'c1')
    const done = pool.begin(A, SENDING)
    pool.sync([sampleAccount('a', { priority: 3 }), sampleAccount('c')])
    expect(pool.views().map(({ account }) => account.name)).toEqual(['a', 'c'])
    expect(pool.views()[0]).toMatchObject({
      account: { priority: 3 },
      inFlight: 1,
      health: { cooldowns: [{}] },
    })
    done()
    expect(pool.views()[0]?.inFlight).toBe(0)
  })

  it('begins with what earlier runs have left: cooldowns, windows, a sign-in that is needed, whose it is', () => {
    const left: StoredHealth = {
      cooldowns: [sampleCooldown()],
      windows: [FIVE_HOURS],
      session: { startedAt: NOON, requests: 4 },
      login: { since: NOON, reason: 'gone' },
      standing: { organization: 'acme', plan: 'claude_max' },
    }
    const { pool, events } = open([sampleAccount('a')], new Map([[A, left]]))
    expect(pool.views()[0]).toMatchObject({
      health: { cooldowns: left.cooldowns, login: left.login },
      organization: 'acme',
      session: left.session,
    })
    expect([pool.windowsOf(A), pool.standingOf(A)]).toEqual([left.windows, left.standing])
    expect(events).toEqual([])
  })

  it('that brings a new credential ends what the old one was to blame for, and says so', () => {
    const { pool, events, saved } = open([sampleAccount('a')])
    pool.failed(A, { cause: 'unauthorized', scope: ACCOUNT, evidence: '401' }, 'c1')
    pool.failed(A, LOGIN, 'c1')
    pool.sync([sampleAccount('a', { credentialVersion: 2, secret: toSealedSecret('v1.new') })])
    expect(pool.views()[0]?.health).toMatchObject({ cooldowns: [], login: undefined })
    expect(events.map(({ kind }) => kind)).toEqual(['cooling', 'needs-login', 'new-credential'])
    expect(saved.login.at(-1)).toBeUndefined()
  })

  it('that brings an older credential, or the same, ends nothing', () => {
    const { pool } = open([sampleAccount('a', { credentialVersion: 4 })])
    pool.failed(A, LOGIN, undefined)
    pool.sync([sampleAccount('a', { credentialVersion: 4, priority: 2 })])
    pool.sync([sampleAccount('a', { credentialVersion: 3 })])
    expect(pool.views()[0]?.health.login).toBeDefined()
  })

  it('tells of pauses and their ends once each, and of nothing at the start', () => {
    const { pool, events } = open([sampleAccount('a', { pausedAt: NOON })])
    for (const pausedAt of [NOON, undefined, undefined, NOON, NOON])
      pool.sync([sampleAccount('a', { pausedAt })])
    expect(events.map(({ kind }) => kind)).toEqual(['resumed', 'paused'])
  })

  it('without an account forgets it: what comes late for it changes nothing', () => {
    const { pool, events, saved } = open([sampleAccount('a')])
    const done = pool.begin(A, SENDING)
    pool.sync([])
    const before = pool.revision
    pool.failed(A, SPENT, 'c1')
    pool.read(A, { windows: [FIVE_HOURS], status: 'allowed' })
    pool.polled(A, [FIVE_HOURS])
    pool.learned(A, { organization: 'acme' })
    pool.succeeded(A, MODEL)
    pool.clear(A)
    done()
    expect([pool.revision, pool.views(), pool.windowsOf(A), pool.standingOf(A)]).toEqual([before, [], [], {}])
    expect([events, saved.cooldowns, saved.windows]).toEqual([[], [], []])
  })
})

describe('an answer’s limits', () => {
  it('are known at once, written down, and kept for history', () => {
    const { pool, saved, kept } = open([sampleAccount('a')])
    pool.read(A, { windows: [FIVE_HOURS], status: 'allowed', organization: 'acme' })
    expect(pool.windowsOf(A)).toEqual([FIVE_HOURS])
    expect(pool.views()[0]?.organization).toBe('acme')
    expect(pool.standingOf(A)).toEqual({ status: 'allowed', organization: 'acme' })
    expect([saved.windows.length, saved.standing.length, kept.length]).toEqual([1, 1, 1])
  })

  it('are kept for history only where they say something new', () => {
    const { pool, kept, clock } = open([sampleAccount('a')])
    for (let second = 0; second < 600; second++) {
      pool.read(A, {
        windows: [
          { ...FIVE_HOURS, readAt: clock.now() },
          { ...METER, readAt: clock.now() },
        ],
      })
      clock.advance(SECOND)
    }
    expect(kept.map(({ name }) => name)).toEqual(['5h', '5h'])
  })

  it('are not held against an account that is not kept to its plan', () => {
    const { pool } = open([sampleAccount('a')])
    pool.read(A, OVERDRAWN)
    expect(pool.views()[0]?.health.cooldowns).toEqual([])
  })

  it('that draw on paid overage are a limit for one that is kept to its plan, until the spent window’s end', () => {
    const { pool, events } = open([sampleAccount('a', { planOnly: true })])
    pool.read(A, OVERDRAWN)
    pool.succeeded(A, MODEL)
    pool.read(A, OVERDRAWN)
    expect(pool.views()[0]?.health.cooldowns).toMatchObject([
      { cause: 'window-spent', window: '5h', until: later(NOON, 2 * HOUR), since: NOON },
    ])
    expect(events).toMatchObject([{ kind: 'cooling', scope: 'account', until: later(NOON, 2 * HOUR) }])
  })
})

describe('a poll', () => {
  it('is shown and kept, and never held against anybody, whatever it says (G14)', () => {
    const { pool, events, kept, saved } = open([sampleAccount('a', { planOnly: true })])
    const spent: Window = { ...FIVE_HOURS, utilization: 1, status: 'rejected' }
    pool.polled(A, [spent, { name: 'overage', utilization: 0.4, readAt: NOON }])
    expect(pool.windowsOf(A).map(({ name }) => name)).toEqual(['5h', 'overage'])
    expect(pool.views()[0]?.health).toEqual(HEALTHY)
    expect([events, saved.cooldowns, kept.length]).toEqual([[], [], 2])
  })

  it('is no use of the account: no turn, no session, no test', () => {
    const { pool } = open([sampleAccount('a')])
    pool.polled(A, [FIVE_HOURS])
    expect(pool.views()[0]).toMatchObject({
      begun: 0,
      inFlight: 0,
      lastTurn: 0,
      session: undefined,
      probingSince: undefined,
    })
  })

  it('that shows a spent window open lets the next request test the account, once', () => {
    const { pool, events, clock } = open([sampleAccount('a')])
    pool.failed(A, SPENT, 'c1')
    clock.advance(10 * MINUTE)
    pool.polled(A, [{ ...FIVE_HOURS, utilization: 0, readAt: clock.now() }])
    expect(pool.views()[0]?.health.cooldowns).toMatchObject([{ until: clock.now() }])
    const done = pool.begin(A, SENDING)
    expect(pool.views()[0]?.probingSince).toBe(clock.now())
    pool.succeeded(A, MODEL)
    done()
    expect(pool.views()[0]?.health.cooldowns).toEqual([])
    expect(events.map(({ kind }) => kind)).toEqual(['cooling', 'reopened', 'recovered'])
  })
})

describe('whose account it is', () => {
  it('is learnt, and what is known beside it stays', () => {
    const { pool } = open([sampleAccount('a')])
    pool.read(A, { windows: [], status: 'allowed_warning' })
    pool.learned(A, { organization: 'acme', organizationName: 'Acme', plan: 'claude_max' })
    expect(pool.standingOf(A)).toEqual({
      status: 'allowed_warning',
      organization: 'acme',
      organizationName: 'Acme',
      plan: 'claude_max',
    })
    expect(pool.views()[0]?.organization).toBe('acme')
  })
})

describe('by hand', () => {
  it('everything that is held against an account is forgotten, for good (G8)', () => {
    const { pool, events, saved } = open([sampleAccount('a')])
    pool.failed(A, SPENT, 'c1')
    pool.failed(A, { ...SPENT, scope: { kind: 'family', family: 'opus' }, cause: 'family-spent' }, 'c1')
    pool.failed(A, { cause: 'connect-refused', scope: { kind: 'request' }, evidence: 'refused' }, 'c1')
    pool.failed(A, LOGIN, 'c1')
    pool.clear(A)
    expect(pool.views()[0]?.health).toEqual(HEALTHY)
    expect(saved.cooldowns.at(-1)).toEqual([])
    expect(saved.login.at(-1)).toBeUndefined()
    expect(events.slice(-3).map(({ kind, scope }) => [kind, scope])).toEqual([
      ['cleared', 'account'],
      ['cleared', 'family:opus'],
      ['cleared', 'account'],
    ])
  })

  it('it is written down even where nothing is known of it: the database may know more', () => {
    const { pool, saved } = open([sampleAccount('a')])
    pool.clear(A)
    pool.clear(A)
    expect(saved.cooldowns).toEqual([[], []])
  })
})

describe('the revision', () => {
  it('grows with whatever is decided by or shown, and with nothing else', () => {
    const { pool } = open([sampleAccount('a')])
    const grows = (change: () => void): boolean => {
      const before = pool.revision
      change()
      return pool.revision > before
    }
    expect(grows(() => pool.read(A, { windows: [FIVE_HOURS] }))).toBe(true)
    expect(grows(() => pool.read(A, { windows: [{ ...FIVE_HOURS, utilization: 0.99 }] }))).toBe(true)
    expect(grows(() => pool.polled(A, [{ ...FIVE_HOURS, readAt: later(NOON, HOUR) }]))).toBe(true)
    expect(grows(() => pool.failed(A, SPENT, 'c1'))).toBe(true)
    expect(grows(() => pool.clear(A))).toBe(true)
    expect(grows(() => pool.read(A, { windows: [], organization: 'acme' }))).toBe(true)
    expect(grows(() => pool.sync([sampleAccount('a', { pausedAt: NOON })]))).toBe(true)
    expect(grows(() => pool.read(A, { windows: [], organization: 'acme' }))).toBe(false)
    expect(grows(() => pool.read(A, { windows: [{ ...FIVE_HOURS, readAt: later(NOON, HOUR + 1) }] }))).toBe(
      false,
    )
    expect(grows(() => pool.polled(A, []))).toBe(false)
    expect(grows(() => pool.begin(A, SENDING)())).toBe(false)
    expect(grows(() => pool.succeeded(A, MODEL))).toBe(false)
    expect(
      grows(() => pool.failed(A, { cause: 'reset', scope: { kind: 'request' }, evidence: 'r' }, 'c')),
    ).toBe(false)
  })
})

const ACCOUNT = { kind: 'account' } as const
const SPENT: Failure = {
  cause: 'window-spent',
  scope: ACCOUNT,
  evidence: 'its 5h window is spent (429)',
  until: later(NOON, HOUR),
  window: '5h',
}
const LOGIN: Failure = { cause: 'login-required', scope: ACCOUNT, evidence: 'its grant is gone' }
const FIVE_HOURS: Window = {
  name: '5h',
  utilization: 0.4,
  resetsAt: later(NOON, 2 * HOUR),
  status: 'allowed',
  readAt: NOON,
}
const METER: Window = { name: 'requests/min', utilization: 0.4, resetsAt: later(NOON, DAY), readAt: NOON }
const OVERDRAWN = {
  windows: [{ ...FIVE_HOURS, utilization: 1.02 }],
  status: 'allowed',
  overage: { inUse: true, status: 'allowed' },
}

/** A pool whose stores remember what they were told, in order. */
function open(accounts: readonly Account[], stored: ReadonlyMap<AccountId, StoredHealth> = new Map()) {
  const clock = manualClock()
  const saved = {
    cooldowns: [] as unknown[],
    windows: [] as unknown[],
    login: [] as unknown[],
    standing: [] as unknown[],
  }
  const store: HealthStore = {
    load: () => stored,
    saveCooldowns: (_id, cooldowns) => void saved.cooldowns.push(cooldowns),
    saveWindows: (_id, windows) => void saved.windows.push(windows),
    saveLogin: (_id, login) => void saved.login.push(login),
    saveStanding: (_id, standing) => void saved.standing.push(standing),
    saveSession: () => {},
  }
  const events: AccountEvent[] = []
  const observed: AccountEvent[] = []
  const kept: Window[] = []
  const pool = createPool({
    clock,
    store,
    events: { add: (_id, event) => void events.push(event), list: async () => [] },
    readings: {
      add: (_id, windows) => void kept.push(...windows),
      list: async () => [],
      thin: async () => {},
    },
    observe: (_account, event) => void observed.push(event),
    sessionMs: () => 5 * HOUR,
    circuitFaults: () => 5,
    originOf: ({ id }) => id,
    changed: () => {},
  })
  pool.sync(accounts)
  return { pool, clock, events, observed, kept, saved }
}
