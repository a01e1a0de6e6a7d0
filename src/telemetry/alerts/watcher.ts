/**
 * Looks every few seconds at what is so and tells what is news: facts in, alerts and deliveries
 * out, remembered before anybody is told, so that a restart says nothing twice. One look at a
 * time, never on a request's path. Must not decide what fires: that is core/alerts.
 */
import type { AlertChannel } from '../../core/alerts/channel.ts'
import { type AlertEvent, evaluate } from '../../core/alerts/evaluate.ts'
import type { Facts } from '../../core/alerts/facts.ts'
import type { AlertRule } from '../../core/alerts/rule.ts'
import type { AlertRecord, AlertStore, Delivery } from '../../core/ports/alerts.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import { DAY, HOUR, later, SECOND } from '../../core/time.ts'
import { type NewDelivery, newDelivery, noticeOf } from './deliveries.ts'
import type { Sender } from './sender.ts'

export interface WatcherOptions {
  readonly store: AlertStore
  readonly sender: Pick<Sender, 'pump'>
  readonly facts: (rules: readonly AlertRule[]) => Promise<Facts>
  readonly clock: Clock
  readonly log: Log
  readonly newId: () => string
  readonly intervalMs: () => number
}

export interface Watcher {
  /** Looks now; resolves when what it found is remembered. */
  look(): Promise<void>
  /** Looks again and again; the result ends that, and resolves when the last look is over. */
  start(): () => Promise<void>
}

const KEPT_MS = 90 * DAY

export function createWatcher(options: WatcherOptions): Watcher {
  const { clock, log, store, sender } = options
  let isFailing = false
  let forgotAt: number | undefined

  const look = async (): Promise<void> => {
    try {
      await lookOnce(options)
      if (forgotAt === undefined || clock.elapsed() - forgotAt >= HOUR) {
        forgotAt = clock.elapsed()
        await store.forget(later(clock.now(), -KEPT_MS))
      }
      if (isFailing) log.info('Alerts are looked at again.')
      isFailing = false
    } catch (error) {
      // Said once: it will be tried again in a moment, and again.
      if (!isFailing) log.error('Alerts could not be looked at.', error)
      isFailing = true
    }
    sender.pump()
  }
  return {
    look,
    start() {
      const ended = new AbortController()
      const run = async (): Promise<void> => {
        while (!ended.signal.aborted) {
          await pause(options, ended.signal)
          if (!ended.signal.aborted) await look()
        }
      }
      const running = run()
      return () => {
        ended.abort()
        return running
      }
    },
  }
}

/** In short steps: another interval takes effect at once. */
async function pause({ clock, intervalMs }: WatcherOptions, signal: AbortSignal): Promise<void> {
  const begunAt = clock.elapsed()
  for (
    let left = intervalMs();
    left > 0 && !signal.aborted;
    left = intervalMs() - (clock.elapsed() - begunAt)
  )
    await clock.sleep(Math.min(left, SECOND), signal)
}

async function lookOnce(options: WatcherOptions): Promise<void> {
  const { store, facts, clock } = options
  const rules = store.rules()
  const before = store.memory()
  if (before.size === 0 && !rules.some(({ isEnabled }) => isEnabled)) return
  const present = await facts(rules)
  // Rules may have been changed while the facts were gathered.
  const { events, memory } = evaluate(store.rules(), present, store.memory(), clock.now())
  const changes = events.map((event) => changeOf(event, options))
  await store.record({
    alerts: changes.flatMap(({ alert }) => alert ?? []),
    deliveries: changes.flatMap(({ deliveries }) => deliveries),
    memory,
  })
  for (const { alert } of changes) if (alert !== undefined) say(alert, options.log)
}

interface Change {
  readonly alert?: AlertRecord
  readonly deliveries: readonly Delivery[]
}

function changeOf(event: AlertEvent, options: WatcherOptions): Change {
  const { store } = options
  const rule = store.rules().find(({ id }) => id === event.rule)
  const open = store.open().find(({ rule: of, subject }) => of === event.rule && subject === event.subject)
  const tell = (alert: AlertRecord): Change => ({ alert, deliveries: deliveriesFor(alert, rule, options) })
  switch (event.kind) {
    case 'fired': {
      if (rule === undefined) return { deliveries: [] }
      const alert = firedRecord(event, rule, options.newId())
      return event.isMuted ? { alert, deliveries: [] } : tell(alert)
    }
    case 'told':
      return open === undefined
        ? { deliveries: [] }
        : tell({ ...open, message: event.message, isMuted: false })
    case 'resolved': {
      if (open === undefined) return { deliveries: [] }
      const alert = { ...open, resolvedAt: event.at, resolution: event.message }
      return event.isQuiet ? { alert, deliveries: [] } : tell(alert)
    }
  }
}

const firedRecord = (
  { subject, message, value, at, isMuted, isMoment }: Extract<AlertEvent, { readonly kind: 'fired' }>,
  { id: rule, name: ruleName, when: { kind }, severity }: AlertRule,
  id: string,
): AlertRecord => ({
  id,
  rule,
  ruleName,
  kind,
  subject,
  severity,
  message,
  value,
  firedAt: at,
  resolvedAt: isMoment ? at : undefined,
  resolution: undefined,
  isMuted,
  acknowledgedAt: undefined,
  acknowledgedBy: undefined,
})

function deliveriesFor(
  alert: AlertRecord,
  rule: AlertRule | undefined,
  { store, clock, newId }: WatcherOptions,
): readonly Delivery[] {
  const notice = noticeOf(alert)
  const context = (channel: AlertChannel): NewDelivery => ({
    id: newId(),
    now: clock.now(),
    isCrowded: isCrowded(store, channel),
  })
  return channelsOf(store, rule).map((channel) => newDelivery(notice, channel, context(channel)))
}

const channelsOf = (store: AlertStore, rule: AlertRule | undefined): readonly AlertChannel[] =>
  store
    .channels()
    .filter(({ id, isEnabled }) => isEnabled && (rule?.channels === undefined || rule.channels.includes(id)))

/** A channel that takes nothing must not make memory grow. */
const MOST_WAITING = 200

const isCrowded = (store: AlertStore, { id }: AlertChannel): boolean =>
  store.waiting().filter(({ channel }) => channel === id).length >= MOST_WAITING

function say({ ruleName, severity, message, resolvedAt, resolution }: AlertRecord, log: Log): void {
  const fields = { rule: ruleName, severity }
  if (resolvedAt !== undefined && resolution !== undefined)
    return log.info(`Alert over: ${ruleName}. ${resolution}`, fields)
  if (severity === 'info') log.info(`Alert: ${ruleName}. ${message}`, fields)
  else log.warn(`Alert: ${ruleName}. ${message}`, fields)
}
