/** Alerts in the API's shapes. Must not decide anything, and must not show what a channel keeps secret. */
import { type AlertChannel, readChannelConfig, targetOf } from '../core/alerts/channel.ts'
import type { AlertRule, Condition, Scope } from '../core/alerts/rule.ts'
import { SLICE_MS } from '../core/alerts/traffic.ts'
import type { AlertRecord, Delivery } from '../core/ports/alerts.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import { MINUTE, type Millis, toIso, writeLength } from '../core/time.ts'
import type { AlertPreview } from './alert-service.ts'
import type { Answer } from './contract.ts'
import type { Services } from './services.ts'

type RuleView = Answer<'showAlertRule'>
type AlertView = Answer<'acknowledgeAlert'>

export function toRuleView(rule: AlertRule, services: Services): RuleView {
  const { store } = services.alerts
  const { id, name, when, severity, isEnabled, cooldownMs, mutedUntil, channels, createdAt } = rule
  return {
    id,
    name,
    when: toConditionView(when),
    scope: toScopeView(rule.scope, services),
    severity,
    enabled: isEnabled,
    cooldown: writeLength(cooldownMs),
    mutedUntil: isoOrNull(
      mutedUntil !== undefined && mutedUntil > services.clock.now() ? mutedUntil : undefined,
    ),
    channels:
      channels === undefined
        ? null
        : store.channels().flatMap((channel) => (channels.includes(channel.id) ? channel.name : [])),
    createdAt: toIso(createdAt),
    open: store.open().filter((alert) => alert.rule === id).length,
  }
}

function toConditionView(when: Condition): RuleView['when'] {
  switch (when.kind) {
    case 'account-state':
      return { kind: when.kind, states: [...when.states], for: writeLength(when.forMs) }
    case 'runway-below':
      return { kind: when.kind, length: writeLength(when.ms) }
    case 'error-rate': {
      const { overMs, ...same } = when
      return { ...same, over: writeLength(overMs) }
    }
    case 'cache-hit': {
      const { overMs, ...same } = when
      return { ...same, over: writeLength(overMs) }
    }
    case 'window-above':
    case 'window-reset':
    case 'budget-above':
    case 'spend-above':
      return { ...when }
  }
}

/** By the names that they have now; what is gone, by its id. */
function toScopeView({ account, key, ...same }: Scope, { accounts, keys }: Services): RuleView['scope'] {
  return {
    ...same,
    ...(account === undefined ? {} : { account: nameOf(accounts.all(), account) }),
    ...(key === undefined ? {} : { key: nameOf(keys.all(), key) }),
  }
}

const nameOf = (all: readonly { readonly id: string; readonly name: string }[], wanted: string): string =>
  all.find(({ id }) => id === wanted)?.name ?? wanted

export const toAlertView = (alert: AlertRecord): AlertView => ({
  id: alert.id,
  rule: alert.ruleName,
  kind: alert.kind,
  subject: alert.subject,
  severity: alert.severity,
  message: alert.message,
  value: alert.value ?? null,
  firedAt: toIso(alert.firedAt),
  resolvedAt: isoOrNull(alert.resolvedAt),
  resolution: alert.resolution ?? null,
  muted: alert.isMuted,
  acknowledgedAt: isoOrNull(alert.acknowledgedAt),
  acknowledgedBy: alert.acknowledgedBy ?? null,
})

export const toDeliveryView = (delivery: Delivery): Answer<'redeliverAlert'> => ({
  id: delivery.id,
  alert: delivery.notice.alert,
  type: delivery.notice.type,
  rule: delivery.notice.rule,
  message: delivery.notice.message,
  channel: delivery.channelName,
  state: delivery.state,
  attempts: delivery.attempts,
  createdAt: toIso(delivery.createdAt),
  ...(delivery.state === 'waiting' ? { nextAt: toIso(delivery.at) } : { lastAt: toIso(delivery.at) }),
  status: delivery.status ?? null,
  problem: delivery.problem ?? null,
})

export function toChannelView(
  { id, name, kind, isEnabled, config, createdAt }: AlertChannel,
  secrets: SecretBox,
): Answer<'removeAlertChannel'> {
  const target = targetOf(readChannelConfig(secrets.open('alert-channel', id, config)))
  return { id, name, kind, enabled: isEnabled, target, createdAt: toIso(createdAt) }
}

const MOST_SHOWN = 200

export const toPreviewView = ({ from, to, alerts }: AlertPreview): Answer<'previewAlert'> => ({
  from: toIso(from),
  to: toIso(to),
  everyMinutes: SLICE_MS / MINUTE,
  count: alerts.length,
  alerts: alerts.slice(0, MOST_SHOWN).map(({ subject, firedAt, resolvedAt, message }) => ({
    subject,
    firedAt: toIso(firedAt),
    resolvedAt: isoOrNull(resolvedAt),
    message,
  })),
})

const isoOrNull = (at: Millis | undefined): string | null => (at === undefined ? null : toIso(at))
