/**
 * Alerts: rules, channels, what is open, what each rule remembers and what is still to be
 * delivered, in memory and written through; the history and the delivery log, bounded, read in
 * the worker.
 */
import type { AlertChannel } from '../core/alerts/channel.ts'
import { defaultRules } from '../core/alerts/default-rules.ts'
import type { Memory } from '../core/alerts/evaluate.ts'
import type { AlertRule } from '../core/alerts/rule.ts'
import type { AlertChanges, AlertRecord, AlertStore, Delivery } from '../core/ports/alerts.ts'
import type { Clock } from '../core/ports/clock.ts'
import {
  alertSaving,
  channelSaving,
  deliverySaving,
  memoryForgetting,
  memorySaving,
  ruleSaving,
  toAlert,
  toChannel,
  toDelivery,
  toMemory,
  toRule,
} from './alert-rows.ts'
import { type Database, type Row, type Statement, statement, toUserError, type Value } from './database.ts'
import { readMeta, writingMeta } from './settings.ts'

/** Of each log; a look an hour keeps it there. */
const MOST_KEPT = 10_000

interface Known {
  rules: readonly AlertRule[]
  channels: readonly AlertChannel[]
  memory: Memory
  readonly open: Map<string, AlertRecord>
  readonly waiting: Map<string, Delivery>
}

interface AlertsOptions {
  readonly clock: Clock
  readonly newId: () => string
}

export async function openAlerts(database: Database, options: AlertsOptions): Promise<AlertStore> {
  await beginWithDefaults(database, options)
  const known = await load(database)
  return {
    ...namedThings(database, known),
    ...history(database, known),
    memory: () => known.memory,
    open: () => [...known.open.values()],
    waiting: () => [...known.waiting.values()],
    async record(changes) {
      const statements = changesOf(changes, known.memory)
      if (statements.length > 0) await database.commit(statements, 'full')
      for (const alert of changes.alerts) note(known, alert)
      for (const delivery of changes.deliveries) noteDelivery(known, delivery)
      known.memory = changes.memory
    },
    async saveAlert(alert) {
      await commit(database, [alertSaving(alert)])
      note(known, alert)
    },
    async saveDelivery(delivery) {
      // First in memory: what has arrived must not be sent again because it could not be written down.
      noteDelivery(known, delivery)
      await commit(database, [deliverySaving(delivery)])
    },
    async forget(before) {
      await database.commit(forgetting(before), 'normal')
    },
  }
}

const BEGUN = 'alert-rules-begun'

/** Once: whoever removes a default rule does not want it back. */
async function beginWithDefaults(database: Database, { clock, newId }: AlertsOptions): Promise<void> {
  if ((await readMeta(database, BEGUN)) !== undefined) return
  await database.commit(
    [...defaultRules(newId, clock.now()).map(ruleSaving), writingMeta(BEGUN, 'yes')],
    'full',
  )
}

async function load(database: Database): Promise<Known> {
  const rules = await database.load('select * from alert_rules order by created_at, id')
  const channels = await database.load('select * from alert_channels order by created_at, id')
  const memory = await database.load('select * from alert_memory')
  const open = await database.load('select * from alerts where resolved_at is null order by id')
  const waiting = await database.load("select * from alert_deliveries where state = 'waiting' order by id")
  return {
    rules: rules.map(toRule),
    channels: channels.map(toChannel),
    memory: new Map(memory.map(toMemory)),
    open: new Map(open.map(toAlert).map((alert) => [alert.id, alert])),
    waiting: new Map(waiting.map(toDelivery).map((delivery) => [delivery.id, delivery])),
  }
}

function note({ open }: Known, alert: AlertRecord): void {
  if (alert.resolvedAt === undefined) open.set(alert.id, alert)
  else open.delete(alert.id)
}

function noteDelivery({ waiting }: Known, delivery: Delivery): void {
  if (delivery.state === 'waiting') waiting.set(delivery.id, delivery)
  else waiting.delete(delivery.id)
}

/** Of the memory only what has changed. */
function changesOf({ alerts, deliveries, memory }: AlertChanges, before: Memory): readonly Statement[] {
  const changed = [...memory].flatMap(([key, each]) =>
    JSON.stringify(before.get(key)) === JSON.stringify(each) ? [] : memorySaving(each),
  )
  const gone = [...before].flatMap(([key, each]) => (memory.has(key) ? [] : memoryForgetting(each)))
  return [...alerts.map(alertSaving), ...deliveries.map(deliverySaving), ...changed, ...gone]
}

async function commit(database: Database, statements: readonly Statement[], conflict = ''): Promise<void> {
  try {
    await database.commit(statements, 'full')
  } catch (error) {
    throw toUserError(error, conflict)
  }
}

const taken = (what: string, name: string): string =>
  `There is a ${what} called "${name}" already. Choose another name.`

type Named = Pick<
  AlertStore,
  'rules' | 'saveRule' | 'removeRule' | 'channels' | 'saveChannel' | 'removeChannel'
>

const namedThings = (database: Database, known: Known): Named => ({
  rules: () => known.rules,
  async saveRule(rule) {
    await commit(database, [ruleSaving(rule)], taken('rule', rule.name))
    known.rules = withOne(known.rules, rule)
  },
  async removeRule(id) {
    await commit(database, [statement('delete from alert_rules where id = $1', id)])
    known.rules = known.rules.filter((rule) => rule.id !== id)
  },
  channels: () => known.channels,
  async saveChannel(channel) {
    await commit(database, [channelSaving(channel)], taken('channel', channel.name))
    known.channels = withOne(known.channels, channel)
  },
  async removeChannel(id) {
    await commit(database, [statement('delete from alert_channels where id = $1', id)])
    known.channels = known.channels.filter((channel) => channel.id !== id)
  },
})

const withOne = <T extends { readonly id: string }>(all: readonly T[], one: T): readonly T[] =>
  all.some(({ id }) => id === one.id) ? all.map((each) => (each.id === one.id ? one : each)) : [...all, one]

type Logs = Pick<AlertStore, 'list' | 'get' | 'listDeliveries' | 'getDelivery'>

const history = (database: Database, known: Known): Logs => ({
  async list({ isOpen, rule, before, limit }) {
    const end = isOpen === undefined ? [] : [isOpen ? 'resolved_at is null' : 'resolved_at is not null']
    const rows = await page(database, 'alerts', end, { rule_id: rule, before, limit })
    return rows.map(toAlert)
  },
  async get(id) {
    const [row] = await database.read('select * from alerts where id = $1', [id])
    return row === undefined ? undefined : toAlert(row)
  },
  async listDeliveries({ channel, state, before, limit }) {
    const rows = await page(database, 'alert_deliveries', [], { channel_id: channel, state, before, limit })
    return rows.map(toDelivery)
  },
  async getDelivery(id) {
    const waiting = known.waiting.get(id)
    if (waiting !== undefined) return waiting
    const [row] = await database.read('select * from alert_deliveries where id = $1', [id])
    return row === undefined ? undefined : toDelivery(row)
  },
})

type Narrowing = Readonly<Record<string, Value | undefined>> & {
  readonly before: string | undefined
  readonly limit: number
}

/** Newest first; the names of columns come from this file only. */
function page(
  database: Database,
  table: 'alerts' | 'alert_deliveries',
  fixed: readonly string[],
  { before, limit, ...equal }: Narrowing,
): Promise<readonly Row[]> {
  const values: Value[] = []
  const conditions = [...fixed]
  const narrow = (condition: string, value: Value | undefined): void => {
    if (value === undefined) return
    values.push(value)
    conditions.push(`${condition} $${values.length}`)
  }
  for (const [column, value] of Object.entries(equal)) narrow(`${column} =`, value)
  narrow('id <', before)
  values.push(limit)
  const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`
  return database.read(`select * from ${table} ${where} order by id desc limit $${values.length}`, values)
}

const forgetting = (before: number): readonly Statement[] => [
  statement('delete from alerts where resolved_at < $1', before),
  statement(
    `delete from alerts where resolved_at is not null and id not in (select id from alerts order by id desc limit ${MOST_KEPT})`,
  ),
  statement("delete from alert_deliveries where state <> 'waiting' and at < $1", before),
  statement(
    `delete from alert_deliveries where state <> 'waiting' and id not in (select id from alert_deliveries order by id desc limit ${MOST_KEPT})`,
  ),
]
