/** Alerts' rows to and from the core's shapes. No queries here. */
import { toSealedSecret } from '../core/account.ts'
import type { AlertChannel, ChannelKind } from '../core/alerts/channel.ts'
import { memoryKey, type RuleMemory } from '../core/alerts/evaluate.ts'
import type { Notice } from '../core/alerts/notice.ts'
import type { AlertRule, ConditionKind, Severity } from '../core/alerts/rule.ts'
import type { AlertRecord, Delivery, DeliveryState } from '../core/ports/alerts.ts'
import { toMillis } from '../core/time.ts'
import {
  jsonOf,
  numberOf,
  optionalNumber,
  optionalText,
  type Row,
  type Statement,
  statement,
  textOf,
} from './database.ts'

const SAVE_RULE = `insert into alert_rules (id, name, rule_json, created_at) values ($1, $2, $3, $4)
  on conflict (id) do update set name = excluded.name, rule_json = excluded.rule_json`

export const ruleSaving = ({ id, name, createdAt, ...rest }: AlertRule): Statement =>
  statement(SAVE_RULE, id, name, JSON.stringify(rest), createdAt)

/** JSON leaves out what is undefined, and the shape comes from this program. */
export function toRule(row: Row): AlertRule {
  const rest = jsonOf<Omit<AlertRule, 'id' | 'name' | 'createdAt'> | undefined>(row, 'rule_json', undefined)
  if (rest === undefined) throw new Error('A rule of alerts is empty in the database.')
  return {
    ...rest,
    id: textOf(row, 'id'),
    name: textOf(row, 'name'),
    createdAt: toMillis(numberOf(row, 'created_at')),
  }
}

const SAVE_CHANNEL = `insert into alert_channels (id, name, kind, is_enabled, config, created_at)
  values ($1, $2, $3, $4, $5, $6) on conflict (id) do update set
    name = excluded.name, is_enabled = excluded.is_enabled, config = excluded.config`

export const channelSaving = ({ id, name, kind, isEnabled, config, createdAt }: AlertChannel): Statement =>
  statement(SAVE_CHANNEL, id, name, kind, isEnabled ? 1 : 0, config, createdAt)

export const toChannel = (row: Row): AlertChannel => ({
  id: textOf(row, 'id'),
  name: textOf(row, 'name'),
  // Written from the same union.
  kind: textOf(row, 'kind') as ChannelKind,
  isEnabled: numberOf(row, 'is_enabled') === 1,
  config: toSealedSecret(textOf(row, 'config')),
  createdAt: toMillis(numberOf(row, 'created_at')),
})

const SAVE_MEMORY = `insert into alert_memory (rule_id, subject, memory_json) values ($1, $2, $3)
  on conflict (rule_id, subject) do update set memory_json = excluded.memory_json`

export const memorySaving = ({ rule, subject, ...rest }: RuleMemory): Statement =>
  statement(SAVE_MEMORY, rule, subject, JSON.stringify(rest))

export const memoryForgetting = ({ rule, subject }: RuleMemory): Statement =>
  statement('delete from alert_memory where rule_id = $1 and subject = $2', rule, subject)

export function toMemory(row: Row): readonly [key: string, memory: RuleMemory] {
  const names = { rule: textOf(row, 'rule_id'), subject: textOf(row, 'subject') }
  return [
    memoryKey(names),
    { ...jsonOf<Omit<RuleMemory, 'rule' | 'subject'>>(row, 'memory_json', {}), ...names },
  ]
}

const SAVE_ALERT = `insert into alerts (id, rule_id, rule_name, kind, subject, severity, message, value, fired_at,
    resolved_at, resolution, is_muted, acknowledged_at, acknowledged_by)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
  on conflict (id) do update set message = excluded.message, value = excluded.value,
    resolved_at = excluded.resolved_at, resolution = excluded.resolution, is_muted = excluded.is_muted,
    acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by`

export const alertSaving = (alert: AlertRecord): Statement =>
  statement(
    SAVE_ALERT,
    ...[alert.id, alert.rule, alert.ruleName, alert.kind, alert.subject, alert.severity, alert.message],
    ...[alert.value ?? null, alert.firedAt, alert.resolvedAt ?? null, alert.resolution ?? null],
    ...[alert.isMuted ? 1 : 0, alert.acknowledgedAt ?? null, alert.acknowledgedBy ?? null],
  )

export const toAlert = (row: Row): AlertRecord => ({
  id: textOf(row, 'id'),
  rule: textOf(row, 'rule_id'),
  ruleName: textOf(row, 'rule_name'),
  // Both written from the same unions.
  kind: textOf(row, 'kind') as ConditionKind,
  subject: textOf(row, 'subject'),
  severity: textOf(row, 'severity') as Severity,
  message: textOf(row, 'message'),
  value: optionalNumber(row, 'value'),
  firedAt: toMillis(numberOf(row, 'fired_at')),
  resolvedAt: momentOf(row, 'resolved_at'),
  resolution: optionalText(row, 'resolution'),
  isMuted: numberOf(row, 'is_muted') === 1,
  acknowledgedAt: momentOf(row, 'acknowledged_at'),
  acknowledgedBy: optionalText(row, 'acknowledged_by'),
})

const SAVE_DELIVERY = `insert into alert_deliveries (id, notice_json, channel_id, channel_name, state, attempts,
    created_at, at, status, problem) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  on conflict (id) do update set state = excluded.state, attempts = excluded.attempts, at = excluded.at,
    status = excluded.status, problem = excluded.problem`

export const deliverySaving = (delivery: Delivery): Statement =>
  statement(
    SAVE_DELIVERY,
    ...[delivery.id, JSON.stringify(delivery.notice), delivery.channel, delivery.channelName, delivery.state],
    ...[
      delivery.attempts,
      delivery.createdAt,
      delivery.at,
      delivery.status ?? null,
      delivery.problem ?? null,
    ],
  )

export function toDelivery(row: Row): Delivery {
  const notice = jsonOf<Notice | undefined>(row, 'notice_json', undefined)
  if (notice === undefined) throw new Error('A delivery of alerts is empty in the database.')
  return {
    id: textOf(row, 'id'),
    notice,
    channel: textOf(row, 'channel_id'),
    channelName: textOf(row, 'channel_name'),
    state: textOf(row, 'state') as DeliveryState,
    attempts: numberOf(row, 'attempts'),
    createdAt: toMillis(numberOf(row, 'created_at')),
    at: toMillis(numberOf(row, 'at')),
    status: optionalNumber(row, 'status'),
    problem: optionalText(row, 'problem'),
  }
}

function momentOf(row: Row, column: string): AlertRecord['resolvedAt'] {
  const value = optionalNumber(row, column)
  return value === undefined ? undefined : toMillis(value)
}
