/**
 * Carries what is to be told to its channels: each channel by itself, one notice after the other,
 * again and again with growing pauses where it fails. What waits is remembered, so a restart goes
 * on with it. A channel in trouble is said once, not with every notice.
 */

import type { AlertChannel } from '../../core/alerts/channel.ts'
import { type ChannelConfig, readChannelConfig, retryPause } from '../../core/alerts/channel.ts'
import { messageOf } from '../../core/error.ts'
import type { AlertStore, Carried, Courier, Delivery } from '../../core/ports/alerts.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import type { SecretBox } from '../../core/ports/secrets.ts'
import { later } from '../../core/time.ts'

export interface SenderOptions {
  readonly store: AlertStore
  readonly courier: Courier
  readonly secrets: SecretBox
  readonly clock: Clock
  readonly log: Log
  /** The pause before the first retry. */
  readonly retryMs: () => number
}

export interface Sender {
  /** Sends what is due, without waiting for it. */
  pump(): void
  /** Tries once now and remembers what came of it; what failed waits for its next attempt. */
  attempt(delivery: Delivery): Promise<Delivery>
  /** Channels whose last attempt failed, in sentences. */
  problems(): readonly string[]
  /** Resolves when nothing is under way; nothing begins after it was called. */
  stop(): Promise<void>
}

export function createSender(options: SenderOptions): Sender {
  const { store, clock } = options
  const busy = new Map<string, Promise<void>>()
  const troubles = createTroubles(options)
  let isStopped = false

  const attempt = async (delivery: Delivery): Promise<Delivery> => {
    const channel = store.channels().find(({ id }) => id === delivery.channel)
    const carried = channel === undefined ? GONE : await carry(delivery, channel, options)
    if (channel !== undefined) troubles.note(channel, carried)
    const next = afterAttempt(delivery, carried, options)
    await save(next, options)
    return next
  }
  const work = async (channel: string): Promise<void> => {
    for (let due = nextDue(channel); due !== undefined && !isStopped; due = nextDue(channel))
      await attempt(due)
  }
  const nextDue = (channel: string): Delivery | undefined =>
    store.waiting().find((delivery) => delivery.channel === channel && delivery.at <= clock.now())

  return {
    pump() {
      if (isStopped) return
      for (const { channel, at } of store.waiting()) {
        if (busy.has(channel) || at > clock.now()) continue
        busy.set(
          channel,
          work(channel).finally(() => busy.delete(channel)),
        )
      }
    },
    attempt,
    problems: troubles.words,
    async stop() {
      isStopped = true
      await Promise.all(busy.values())
    },
  }
}

const GONE: Carried = { kind: 'failed', problem: 'The channel is not there any more.', isFinal: true }

async function carry(
  { notice }: Delivery,
  channel: AlertChannel,
  { courier, secrets }: SenderOptions,
): Promise<Carried> {
  if (!channel.isEnabled && notice.type !== 'alert.test')
    return { kind: 'failed', problem: 'The channel is turned off.', isFinal: true }
  let config: ChannelConfig
  try {
    config = readChannelConfig(secrets.open('alert-channel', channel.id, channel.config))
  } catch (error) {
    return { kind: 'failed', problem: messageOf(error) }
  }
  return courier.carry(notice, config)
}

function afterAttempt(delivery: Delivery, carried: Carried, { clock, retryMs }: SenderOptions): Delivery {
  const now = clock.now()
  const attempts = delivery.attempts + 1
  const { status } = carried
  if (carried.kind === 'delivered')
    return { ...delivery, state: 'delivered', attempts, at: now, status, problem: undefined }
  const isOnce = carried.isFinal === true || delivery.notice.type === 'alert.test'
  const pause = isOnce ? undefined : retryPause(attempts, retryMs(), clock.chance())
  const { problem } = carried
  if (pause === undefined) return { ...delivery, state: 'failed', attempts, at: now, status, problem }
  const at = later(now, Math.max(pause, carried.retryAfterMs ?? 0))
  return { ...delivery, state: 'waiting', attempts, at, status, problem }
}

/** What came of it is known in memory; a database that takes nothing now gets the next attempt's. */
async function save(delivery: Delivery, { store, log }: SenderOptions): Promise<void> {
  try {
    await store.saveDelivery(delivery)
  } catch (error) {
    log.error('What came of an alert’s delivery could not be written down.', error)
  }
}

function createTroubles({ store, log }: SenderOptions) {
  const troubles = new Map<string, { readonly count: number }>()
  return {
    note({ id, name }: AlertChannel, carried: Carried): void {
      const before = troubles.get(id)
      if (carried.kind === 'delivered') {
        if (troubles.delete(id)) log.info(`The alert channel "${name}" works again.`)
        return
      }
      troubles.set(id, { count: (before?.count ?? 0) + 1 })
      if (before === undefined) log.warn(`The alert channel "${name}" does not work: ${carried.problem}`)
    },
    words(): readonly string[] {
      const channels = store.channels()
      for (const id of troubles.keys()) if (!channels.some((each) => each.id === id)) troubles.delete(id)
      return channels.flatMap(({ id, name, isEnabled }) => {
        const trouble = isEnabled ? troubles.get(id) : undefined
        const times = trouble?.count === 1 ? 'once' : `${trouble?.count} times in a row`
        // Whoever asks how the gateway is need not know where its channels lead.
        return trouble === undefined
          ? []
          : [`The alert channel "${name}" has failed ${times}; "spillway alerts deliveries" says why.`]
      })
    },
  }
}
