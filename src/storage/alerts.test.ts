/** Alerts in a database: what is remembered over a restart, by pages, bounded, and what is sealed stays sealed. */
import { describe, expect, it } from 'bun:test'
import { databases, type TestDatabase } from '../../test/support/databases.ts'
import { manualClock, NOON } from '../../test/support/samples.ts'
import { toSealedSecret } from '../core/account.ts'
import type { AlertChannel } from '../core/alerts/channel.ts'
import type { RuleMemory } from '../core/alerts/evaluate.ts'
import type { AlertRule } from '../core/alerts/rule.ts'
import type { AlertRecord, Delivery } from '../core/ports/alerts.ts'
import { DAY, HOUR, later } from '../core/time.ts'
import { openAlerts } from './alerts.ts'
import { numberOf } from './database.ts'

describe.each(await databases())('alerts on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('begin with rules of their own, once: who removes one does not get it back', async () => {
    const store = await open(its)
    const names = store.rules().map(({ name }) => name)
    expect(names).toEqual(['account needs a sign-in', 'pool nearly empty', 'many requests fail'])
    for (const { id } of store.rules()) await store.removeRule(id)
    expect((await open(its)).rules()).toEqual([])
  })

  it('keep rules and channels over a restart, as they were said last', async () => {
    const store = await open(its)
    await store.saveRule(RULE)
    await store.saveChannel(CHANNEL)
    const changed = { ...RULE, name: 'other', isEnabled: false, mutedUntil: later(NOON, HOUR), channels: [] }
    await store.saveRule(changed)
    await store.saveChannel({ ...CHANNEL, isEnabled: false })
    const again = await open(its)
    for (const each of [store, again]) {
      expect(each.rules().at(-1)).toEqual(changed)
      expect(each.channels()).toEqual([{ ...CHANNEL, isEnabled: false }])
    }
    await again.removeChannel(CHANNEL.id)
    expect((await open(its)).channels()).toEqual([])
  })

  it('give no name twice', async () => {
    const store = await open(its)
    await store.saveRule(RULE)
    await expect(store.saveRule({ ...RULE, id: 'second' })).rejects.toMatchObject({
      code: 'conflict',
      message: 'There is a rule called "spending" already. Choose another name.',
    })
    await store.saveChannel(CHANNEL)
    await expect(store.saveChannel({ ...CHANNEL, id: 'second' })).rejects.toMatchObject({ code: 'conflict' })
    expect([store.rules().length, store.channels().length]).toEqual([4, 1])
  })

  it('remember what a look has brought, all of it', async () => {
    const store = await open(its)
    await store.record({ alerts: [ALERT], deliveries: [DELIVERY], memory: memoryOf(MEMORY, OTHER) })
    const again = await open(its)
    for (const each of [store, again]) {
      expect([each.open(), each.waiting()]).toEqual([[ALERT], [DELIVERY]])
      expect(each.memory()).toEqual(memoryOf(MEMORY, OTHER))
    }
    const over = { ...ALERT, resolvedAt: later(NOON, HOUR), resolution: 'It is well again.' }
    await again.record({ alerts: [over], deliveries: [], memory: memoryOf({ ...MEMORY, firedAt: NOON }) })
    const third = await open(its)
    expect(third.open()).toEqual([])
    expect(third.memory()).toEqual(memoryOf({ ...MEMORY, firedAt: NOON }))
    expect(await third.get('alert-1')).toEqual(over)
  })

  it('write nothing when a look has brought nothing', async () => {
    const database = await its.open()
    let commits = 0
    const counted = {
      ...database,
      commit(...work: Parameters<typeof database.commit>) {
        commits++
        return database.commit(...work)
      },
    }
    const store = await openAlerts(counted, options())
    await store.record({ alerts: [], deliveries: [], memory: memoryOf(MEMORY) })
    const after = commits
    await store.record({ alerts: [], deliveries: [], memory: memoryOf(MEMORY) })
    expect(commits).toBe(after)
  })

  it('list the newest first, by pages, of one rule, open or over', async () => {
    const store = await open(its)
    const alerts = Array.from({ length: 25 }, (_, number) => numbered(number))
    await store.record({ alerts, deliveries: [], memory: new Map() })
    const seen: string[] = []
    for (let before: string | undefined; ; ) {
      const page = await store.list({ limit: 10, ...(before === undefined ? {} : { before }) })
      seen.push(...page.map(({ id }) => id))
      before = page.at(-1)?.id
      if (page.length < 10) break
    }
    expect(seen).toEqual(alerts.map(({ id }) => id).toReversed())
    expect(await store.list({ limit: 100, isOpen: true })).toHaveLength(13)
    expect(await store.list({ limit: 100, isOpen: false, rule: 'odd' })).toHaveLength(12)
    expect(await store.list({ limit: 100, rule: 'nobody' })).toEqual([])
  })

  it('know what came of a delivery', async () => {
    const store = await open(its)
    await store.saveDelivery(DELIVERY)
    await store.saveDelivery({ ...DELIVERY, id: 'delivery-2', channel: 'another' })
    const failed = {
      ...DELIVERY,
      attempts: 1,
      status: 500,
      problem: 'It answered 500.',
      at: later(NOON, HOUR),
    }
    await store.saveDelivery(failed)
    expect(store.waiting()[0]).toEqual(failed)
    const done: Delivery = { ...failed, state: 'delivered', attempts: 2, status: 204, problem: undefined }
    await store.saveDelivery(done)
    const again = await open(its)
    expect(again.waiting().map(({ id }) => id)).toEqual(['delivery-2'])
    expect(await again.listDeliveries({ limit: 10, state: 'delivered' })).toEqual([done])
    expect(await again.listDeliveries({ limit: 10, channel: 'another' })).toHaveLength(1)
    expect(await again.getDelivery('delivery-1')).toEqual(done)
    expect(await again.getDelivery('nobody')).toBeUndefined()
  })

  it('forget what ended long ago, never what is open or still to be delivered', async () => {
    const store = await open(its)
    const old = { ...ALERT, id: 'alert-0', firedAt: later(NOON, -100 * DAY) }
    const ended = { ...old, id: 'alert-2', resolvedAt: later(NOON, -91 * DAY) }
    const recent = { ...ALERT, id: 'alert-3', resolvedAt: later(NOON, -89 * DAY) }
    const sent: Delivery = { ...DELIVERY, id: 'delivery-2', state: 'delivered', at: later(NOON, -91 * DAY) }
    const waiting = { ...DELIVERY, at: later(NOON, -91 * DAY) }
    await store.record({ alerts: [old, ended, recent], deliveries: [sent, waiting], memory: new Map() })
    await store.forget(later(NOON, -90 * DAY))
    expect((await store.list({ limit: 10 })).map(({ id }) => id)).toEqual(['alert-3', 'alert-0'])
    expect((await store.listDeliveries({ limit: 10 })).map(({ id }) => id)).toEqual(['delivery-1'])
  })

  it('are bounded in number', async () => {
    const database = await its.open()
    const store = await openAlerts(database, options())
    const alerts = Array.from({ length: 10_050 }, (_, number) => ({ ...numbered(number), resolvedAt: NOON }))
    await store.record({ alerts, deliveries: [], memory: new Map() })
    await store.forget(later(NOON, -DAY))
    const [row = {}] = await database.load('select count(*) as count from alerts')
    expect(numberOf(row, 'count')).toBe(10_000)
    expect((await store.list({ limit: 1 }))[0]?.id).toBe(numbered(10_049).id)
  })
})

const options = () => ({ clock: manualClock(), newId: () => Bun.randomUUIDv7() })

const open = async (its: TestDatabase) => openAlerts(await its.reopen(), options())

const RULE: AlertRule = {
  id: 'rule-1',
  name: 'spending',
  when: { kind: 'spend-above', usdPerHour: 5 },
  scope: { group: 'work' },
  severity: 'info',
  isEnabled: true,
  cooldownMs: HOUR,
  mutedUntil: undefined,
  channels: ['channel-1'],
  createdAt: later(NOON, 1),
}

const CHANNEL: AlertChannel = {
  id: 'channel-1',
  name: 'ops',
  kind: 'slack',
  isEnabled: true,
  config: toSealedSecret('v1.sealed'),
  createdAt: NOON,
}

const ALERT: AlertRecord = {
  id: 'alert-1',
  rule: 'rule-1',
  ruleName: 'spending',
  kind: 'spend-above',
  subject: 'traffic',
  severity: 'info',
  message: '$5.50 were spent in the last hour. “組”',
  value: 5.5,
  firedAt: NOON,
  resolvedAt: undefined,
  resolution: undefined,
  isMuted: true,
  acknowledgedAt: undefined,
  acknowledgedBy: undefined,
}

const DELIVERY: Delivery = {
  id: 'delivery-1',
  notice: {
    type: 'alert.fired',
    alert: 'alert-1',
    rule: 'spending',
    kind: 'spend-above',
    severity: 'info',
    message: 'much',
    firedAt: NOON,
  },
  channel: 'channel-1',
  channelName: 'ops',
  state: 'waiting',
  attempts: 0,
  createdAt: NOON,
  at: NOON,
  status: undefined,
  problem: undefined,
}

const MEMORY: RuleMemory = { rule: 'rule-1', subject: 'traffic', open: { since: NOON, isTold: true } }
const OTHER: RuleMemory = { rule: 'rule-2', subject: 'a 5h', seen: { resetsAt: NOON, used: 0.5 } }

const memoryOf = (...all: readonly RuleMemory[]) =>
  new Map(all.map((each) => [`${each.rule} ${each.subject}`, each]))

const numbered = (number: number): AlertRecord => ({
  ...ALERT,
  id: `alert-${String(number).padStart(6, '0')}`,
  rule: number % 2 === 0 ? 'even' : 'odd',
  resolvedAt: number % 2 === 0 ? undefined : later(NOON, HOUR),
})
