/** What operators see of the accounts: one line for each change, and gauges that say only what is known. */
import { describe, expect, it } from 'bun:test'
import { idOf, NOON, sampleAccount, sampleCooldown, sampleView } from '../../test/support/samples.ts'
import type { AccountEvent, EventKind } from '../core/event.ts'
import { HEALTHY } from '../core/health.ts'
import type { Window } from '../core/limits.ts'
import type { Log } from '../core/ports/log.ts'
import { HOUR, later, toMillis } from '../core/time.ts'
import type { Pool } from '../proxy/pool.ts'
import { accountGauges, logEvent } from './accounts-watch.ts'

describe('the log', () => {
  it('says in a warning what an account is set aside for and until when', () => {
    const until = later(NOON, HOUR)
    const event: AccountEvent = {
      ...happened('cooling'),
      cause: 'window-spent',
      evidence: 'its 5h window is spent (429)',
      until,
    }
    expect(logged(event)).toEqual([
      [
        'warn',
        'Account a is set aside: its 5h window is spent (429).',
        { account: 'a', cause: 'window-spent', until: '2026-11-20T13:00:00.000Z' },
      ],
    ])
  })

  it.each<[EventKind, string, string]>([
    ['recovered', 'info', 'Account a is usable again.'],
    ['cleared', 'info', 'Account a is usable again.'],
    ['reopened', 'info', 'Account a has its window open again before its time; the next request tests it.'],
    ['new-credential', 'info', 'Account a has a new credential.'],
  ])('tells of %s once, without a time that is not there', (kind, level, message) => {
    const [line, ...others] = logged(happened(kind))
    expect(others).toEqual([])
    expect(line?.slice(0, 2)).toEqual([level, message])
    expect(line?.[2]).not.toHaveProperty('until')
  })

  it.each<EventKind>(['needs-login', 'paused', 'resumed'])(
    'says %s only to who looks closely: somebody else says it aloud',
    (kind) => {
      expect(logged(happened(kind)).map(([level]) => level)).toEqual(['debug'])
    },
  )
})

describe('the gauge of accounts', () => {
  const long = later(toMillis(Date.now()), HOUR)

  it('is 1 for who is ready and 0 for who is not, whatever for', () => {
    const views = [
      sampleView('well'),
      sampleView('paused', { account: { pausedAt: NOON } }),
      sampleView('cooling', { health: { ...HEALTHY, cooldowns: [sampleCooldown({ until: long })] } }),
      sampleView('family', {
        health: {
          ...HEALTHY,
          cooldowns: [sampleCooldown({ until: long, scope: { kind: 'family', family: 'opus' } })],
        },
      }),
      sampleView('login', { health: { ...HEALTHY, login: { since: NOON, reason: 'gone' } } }),
    ]
    expect(accountGauges(poolOf(views)).accounts()).toEqual([
      [['well'], 1],
      [['paused'], 0],
      [['cooling'], 0],
      [['family'], 1],
      [['login'], 0],
    ])
  })
})

describe('the gauge of windows', () => {
  it('says a share only where one is known now: absent is not zero', () => {
    const now = toMillis(Date.now())
    const windows: readonly Window[] = [
      { name: '5h', utilization: 0.42, resetsAt: later(now, HOUR), readAt: now },
      { name: '7d', utilization: 0.9, resetsAt: later(now, -1), readAt: later(now, -HOUR) },
      { name: 'balance', remaining: 4, unit: 'USD', readAt: now },
      { name: '7d_opus', utilization: 0, readAt: now },
    ]
    expect(accountGauges(poolOf([sampleView('a')], windows)).windows()).toEqual([
      [['a', '5h'], 0.42],
      [['a', '7d_opus'], 0],
    ])
  })
})

describe('the gauge of tokens', () => {
  it('says the seconds that are left, below zero when it is over, and nothing of keys', () => {
    const ending = (name: string, leftMs: number) =>
      sampleView(name, { account: { tokenExpiresAt: later(toMillis(Date.now()), leftMs) } })
    const gauges = accountGauges(
      poolOf([sampleView('key'), ending('max', HOUR), ending('over', -HOUR)]),
    ).tokens()
    expect(gauges.map(([labels]) => labels)).toEqual([['max'], ['over']])
    expect(gauges[0]?.[1]).toBeWithin(3_598, 3_601)
    expect(gauges[1]?.[1]).toBeWithin(-3_602, -3_598)
  })
})

const happened = (kind: EventKind): AccountEvent => ({ at: NOON, kind, scope: 'account' })

type Line = readonly [level: string, message: string, fields: unknown]

function logged(event: AccountEvent): readonly Line[] {
  const lines: Line[] = []
  const log: Log = {
    debug: (message, fields) => void lines.push(['debug', message, fields]),
    info: (message, fields) => void lines.push(['info', message, fields]),
    warn: (message, fields) => void lines.push(['warn', message, fields]),
    error: (message) => void lines.push(['error', message, undefined]),
  }
  logEvent(log, sampleAccount('a'), event)
  return lines
}

function poolOf(views: ReturnType<Pool['views']>, windows: readonly Window[] = []): Pool {
  const nothing = (): void => {}
  return {
    views: () => views,
    windowsOf: (id) => (id === idOf('a') ? windows : []),
    standingOf: () => ({}),
    revision: 0,
    sync: nothing,
    paced: nothing,
    begin: () => nothing,
    failed: nothing,
    othersSucceeded: nothing,
    succeeded: nothing,
    read: nothing,
    polled: nothing,
    learned: nothing,
    clear: nothing,
  }
}
