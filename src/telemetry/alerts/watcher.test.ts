/** The watch under a clock that the test moves: what is told, in which order, and what happens when nothing can be remembered. */
import { describe, expect, it } from 'bun:test'
import { inMemoryAlerts } from '../../../test/support/alerts.ts'
import { memoryLog, NOON } from '../../../test/support/samples.ts'
import { tickingClock } from '../../../test/support/ticking-clock.ts'
import { toSealedSecret } from '../../core/account.ts'
import type { AlertChannel } from '../../core/alerts/channel.ts'
import type { AccountFact, Facts } from '../../core/alerts/facts.ts'
import type { AlertRule } from '../../core/alerts/rule.ts'
import type { AlertStore } from '../../core/ports/alerts.ts'
import { HOUR, later, MINUTE, SECOND } from '../../core/time.ts'
import { createWatcher } from './watcher.ts'

describe('the watch', () => {
  it('tells that it began and that it is over, of one alert', async () => {
    const { clock, store, put, said } = watch()
    put('needs-login')
    await clock.advance(20 * SECOND)
    put('ready')
    await clock.advance(5 * MINUTE)
    const notices = said()
    expect(notices.map(({ type }) => type)).toEqual(['alert.fired', 'alert.resolved'])
    expect(new Set(notices.map(({ alert }) => alert)).size).toBe(1)
    expect(notices[1]).toMatchObject({ message: 'Account a is ready.', resolvedAt: expect.any(Number) })
    expect(store.open()).toEqual([])
  })

  it('goes on where it was after a restart, and tells then that it is over', async () => {
    const first = watch()
    first.put('needs-login')
    await first.clock.advance(20 * SECOND)
    await first.stop()
    const second = watch({ store: first.store, clock: first.clock })
    second.put('needs-login')
    await first.clock.advance(HOUR)
    expect(second.said()).toHaveLength(1)
    second.put('ready')
    await first.clock.advance(5 * MINUTE)
    expect(second.said().map(({ type }) => type)).toEqual(['alert.fired', 'alert.resolved'])
  })

  it('remembers before it tells: where nothing can be remembered, nobody is told, and that is said once', async () => {
    let isFull = true
    const store = inMemoryAlerts({ rules: [RULE], channels: [channelOf('one')] })
    const record: AlertStore['record'] = async (changes) => {
      if (isFull) throw new Error('The disk is full.')
      await store.record(changes)
    }
    const { clock, log, put, said } = watch({ store: { ...store, record } })
    put('needs-login')
    await clock.advance(5 * MINUTE)
    expect(said()).toEqual([])
    expect(log.lines).toEqual(['error Alerts could not be looked at.'])
    isFull = false
    await clock.advance(30 * SECOND)
    expect(said()).toHaveLength(1)
    expect(log.lines.slice(1)).toEqual([
      'warn Alert: account needs a sign-in. Account a is in need of a sign-in.',
      'info Alerts are looked at again.',
    ])
  })

  it('tells every channel that is on, where the rule names none', async () => {
    const channels = [channelOf('one'), channelOf('two'), { ...channelOf('off'), isEnabled: false }]
    const { clock, store, put } = watch({ store: inMemoryAlerts({ rules: [RULE], channels }) })
    put('needs-login')
    await clock.advance(20 * SECOND)
    expect(store.waiting().map(({ channel }) => channel)).toEqual(['one', 'two'])
  })

  it('lets no more than two hundred wait for a channel', async () => {
    const { clock, store, put } = watch({ rule: { cooldownMs: 0 } })
    for (let turn = 0; turn < 150; turn++) {
      put('needs-login')
      await clock.advance(15 * SECOND)
      put('ready')
      await clock.advance(90 * SECOND)
    }
    expect(store.waiting()).toHaveLength(200)
    const [last] = await store.listDeliveries({ limit: 1 })
    expect(last).toMatchObject({ state: 'failed', problem: 'Too many others wait for this channel.' })
  })

  it('does nothing where every rule is off', async () => {
    const { clock, asked } = watch({ rule: { isEnabled: false } })
    await clock.advance(HOUR)
    expect(asked()).toBe(0)
  })

  it('ends when it is told to', async () => {
    const { clock, asked, stop } = watch()
    await clock.advance(MINUTE)
    await stop()
    const before = asked()
    expect(before).toBe(4)
    await clock.advance(HOUR)
    expect(asked()).toBe(before)
  })
})

interface Given {
  readonly store?: AlertStore
  readonly clock?: ReturnType<typeof tickingClock>
  readonly rule?: Partial<AlertRule>
}

function watch({ rule = {}, ...given }: Given = {}) {
  const {
    clock = tickingClock(),
    store = inMemoryAlerts({ rules: [{ ...RULE, ...rule }], channels: [channelOf('one')] }),
  } = given
  const log = memoryLog()
  let state: AccountFact['state']['kind'] = 'ready'
  let asked = 0
  let ids = 0
  const watcher = createWatcher({
    store,
    clock,
    log,
    sender: { pump: () => {} },
    facts: async () => {
      asked++
      return factsOf(state)
    },
    newId: () => `${clock.now()}-${++ids}`,
    intervalMs: () => 15 * SECOND,
  })
  const end = watcher.start()
  return {
    clock,
    store,
    log,
    put(next: typeof state): void {
      state = next
    },
    said: () => store.waiting().map(({ notice }) => notice),
    asked: () => asked,
    stop: end,
  }
}

const factsOf = (kind: AccountFact['state']['kind']): Facts => ({
  accounts: [{ id: 'a', name: 'a', groups: [], state: { kind }, windows: [] }],
  budgets: [],
  runway: { kind: 'unknown' },
  traffic: () => [],
})

const RULE: AlertRule = {
  id: 'rule',
  name: 'account needs a sign-in',
  when: { kind: 'account-state', states: ['needs-login'], forMs: 0 },
  scope: {},
  severity: 'critical',
  isEnabled: true,
  cooldownMs: HOUR,
  mutedUntil: undefined,
  channels: undefined,
  createdAt: later(NOON, -HOUR),
}

const channelOf = (id: string): AlertChannel => ({
  id,
  name: id,
  kind: 'slack',
  isEnabled: true,
  config: toSealedSecret('sealed'),
  createdAt: NOON,
})
