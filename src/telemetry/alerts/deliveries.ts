/** What an alert becomes when it is told: the notice, and one delivery for a channel. Must not send. */
import type { AlertChannel } from '../../core/alerts/channel.ts'
import type { Notice } from '../../core/alerts/notice.ts'
import type { AlertRecord, Delivery } from '../../core/ports/alerts.ts'
import type { Millis } from '../../core/time.ts'

/** One that has ended says what is so now. */
export const noticeOf = (alert: AlertRecord): Notice => {
  const isOver = alert.resolvedAt !== undefined && alert.resolution !== undefined
  return {
    type: isOver ? 'alert.resolved' : 'alert.fired',
    alert: alert.id,
    rule: alert.ruleName,
    kind: alert.kind,
    severity: alert.severity,
    message: isOver ? (alert.resolution ?? alert.message) : alert.message,
    ...(alert.value === undefined || isOver ? {} : { value: alert.value }),
    firedAt: alert.firedAt,
    ...(alert.resolvedAt === undefined ? {} : { resolvedAt: alert.resolvedAt }),
  }
}

export interface NewDelivery {
  readonly id: string
  readonly now: Millis
  /** So many wait for this channel that no more may. */
  readonly isCrowded: boolean
}

export const newDelivery = (
  notice: Notice,
  { id: channel, name: channelName }: AlertChannel,
  { id, now, isCrowded }: NewDelivery,
): Delivery => ({
  id,
  notice,
  channel,
  channelName,
  state: isCrowded ? 'failed' : 'waiting',
  attempts: 0,
  createdAt: now,
  at: now,
  status: undefined,
  problem: isCrowded ? 'Too many others wait for this channel.' : undefined,
})
