/**
 * What alerts need from the world: a place where rules, channels, the history and what is still
 * to be delivered are remembered, and somebody who carries a notice. They decide nothing.
 */
import type { AlertChannel, ChannelConfig } from '../alerts/channel.ts'
import type { Memory } from '../alerts/evaluate.ts'
import type { Notice } from '../alerts/notice.ts'
import type { AlertRule, ConditionKind, Severity } from '../alerts/rule.ts'
import type { TrafficSlice } from '../alerts/traffic.ts'
import type { Millis } from '../time.ts'

/** One alert in the history; open as long as it has no end. */
export interface AlertRecord {
  readonly id: string
  readonly rule: string
  /** Its name at the time. */
  readonly ruleName: string
  readonly kind: ConditionKind
  readonly subject: string
  readonly severity: Severity
  readonly message: string
  readonly value: number | undefined
  readonly firedAt: Millis
  readonly resolvedAt: Millis | undefined
  /** What was so when it ended. */
  readonly resolution: string | undefined
  /** Its rule was muted when it fired. */
  readonly isMuted: boolean
  readonly acknowledgedAt: Millis | undefined
  readonly acknowledgedBy: string | undefined
}

/** A notice on its way to one channel, or what came of it. */
export interface Delivery {
  readonly id: string
  readonly notice: Notice
  readonly channel: string
  /** Its name at the time. */
  readonly channelName: string
  readonly state: DeliveryState
  readonly attempts: number
  readonly createdAt: Millis
  /** When it is tried next, or was last. */
  readonly at: Millis
  /** What the receiver answered last, as HTTP says it. */
  readonly status: number | undefined
  /** Why the last attempt failed, as a sentence without a secret. */
  readonly problem: string | undefined
}

export type DeliveryState = 'waiting' | 'delivered' | 'failed'

export interface AlertFilter {
  readonly isOpen?: boolean
  readonly rule?: string
  /** Older than this one only: the page's last id. */
  readonly before?: string
  readonly limit: number
}

export interface DeliveryFilter {
  readonly channel?: string
  readonly state?: DeliveryState
  readonly before?: string
  readonly limit: number
}

/** What one look has brought, to be remembered all or nothing. */
export interface AlertChanges {
  /** New ones, and those that have changed. */
  readonly alerts: readonly AlertRecord[]
  readonly deliveries: readonly Delivery[]
  readonly memory: Memory
}

/** Rules, channels, memory, what is open and what is still to be delivered are in memory; the rest is read. */
export interface AlertStore {
  rules(): readonly AlertRule[]
  /** Adds it, or puts it in the place of the one with its id. Throws GatewayError `conflict` for a name that is taken. */
  saveRule(rule: AlertRule): Promise<void>
  removeRule(id: string): Promise<void>
  channels(): readonly AlertChannel[]
  saveChannel(channel: AlertChannel): Promise<void>
  removeChannel(id: string): Promise<void>
  memory(): Memory
  open(): readonly AlertRecord[]
  record(changes: AlertChanges): Promise<void>
  /** Newest first. */
  list(filter: AlertFilter): Promise<readonly AlertRecord[]>
  get(id: string): Promise<AlertRecord | undefined>
  saveAlert(alert: AlertRecord): Promise<void>
  /** Oldest first. */
  waiting(): readonly Delivery[]
  saveDelivery(delivery: Delivery): Promise<void>
  /** Newest first. */
  listDeliveries(filter: DeliveryFilter): Promise<readonly Delivery[]>
  getDelivery(id: string): Promise<Delivery | undefined>
  /** Forgets what ended before, and of both logs all but the newest. */
  forget(before: Millis): Promise<void>
}

/** Reads what traffic there was out of the ledger; in a worker, never on the request path. */
export interface TrafficHistory {
  /** Slices that begin in `[since, until)`. */
  slices(since: Millis, until: Millis): Promise<readonly TrafficSlice[]>
}

/** Carries one notice on one channel, within limits of its own. Never throws. */
export interface Courier {
  carry(notice: Notice, config: ChannelConfig): Promise<Carried>
}

export type Carried =
  | { readonly kind: 'delivered'; readonly status?: number }
  | {
      readonly kind: 'failed'
      readonly status?: number
      /** A sentence without a secret. */
      readonly problem: string
      /** The receiver does not want it, now or later. */
      readonly isFinal?: boolean
      readonly retryAfterMs?: number
    }
