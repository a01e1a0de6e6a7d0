/**
 * What is told, in one shape for every way of telling. Holds no secret: it goes to others, and
 * is kept until it has arrived.
 */
import { type Millis, toIso } from '../time.ts'
import type { ConditionKind, Severity } from './rule.ts'

export interface Notice {
  readonly type: 'alert.fired' | 'alert.resolved' | 'alert.test'
  readonly alert: string
  readonly rule: string
  readonly kind: ConditionKind | 'test'
  readonly severity: Severity
  /** A sentence. */
  readonly message: string
  readonly value?: number
  readonly firedAt: Millis
  readonly resolvedAt?: Millis
}

export const titleOf = ({ type, rule, severity }: Notice): string => {
  switch (type) {
    case 'alert.fired':
      return `Spillway ${severity}: ${rule}`
    case 'alert.resolved':
      return `Spillway, over: ${rule}`
    case 'alert.test':
      return `Spillway test: ${rule}`
  }
}

/** The same for every attempt and every delivery, so that a receiver can tell that it had it before. */
export const messageIdOf = ({ alert, type }: Notice): string => `${alert}_${type.replace('alert.', '')}`

/** The body of a webhook, and what a command reads: `{type, timestamp, data}` as Standard Webhooks asks for. */
export function toWebhookBody({ type, ...notice }: Notice): string {
  const { firedAt, resolvedAt, alert: id, rule, kind, severity, message, value } = notice
  return JSON.stringify({
    type,
    timestamp: toIso(resolvedAt ?? firedAt),
    data: {
      id,
      rule,
      kind,
      severity,
      message,
      ...(value === undefined ? {} : { value }),
      firedAt: toIso(firedAt),
      ...(resolvedAt === undefined ? {} : { resolvedAt: toIso(resolvedAt) }),
    },
  })
}

/** Slack reads these three as its own marks; what is named in a message comes from others. */
const forSlack = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

export const toSlackBody = (notice: Notice): string => {
  const title = forSlack(titleOf(notice))
  const message = forSlack(notice.message)
  return JSON.stringify({
    text: `${title}: ${message}`,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(titleOf(notice), 150), emoji: false } },
      { type: 'section', text: { type: 'mrkdwn', text: cut(message, 2_900) } },
    ],
  })
}

const COLOURS: Readonly<Record<Severity | 'over', number>> = {
  info: 0x3b82f6,
  warning: 0xf59e0b,
  critical: 0xdc2626,
  over: 0x16a34a,
}

/** `allowed_mentions`: a name in a message must not call anybody. */
export const toDiscordBody = (notice: Notice): string =>
  JSON.stringify({
    content: '',
    embeds: [
      {
        title: cut(titleOf(notice), 250),
        description: cut(notice.message, 4_000),
        color: COLOURS[notice.type === 'alert.resolved' ? 'over' : notice.severity],
        timestamp: toIso(notice.resolvedAt ?? notice.firedAt),
      },
    ],
    allowed_mentions: { parse: [] },
  })

const PRIORITIES: Readonly<Record<Severity, number>> = { info: 2, warning: 4, critical: 5 }

/** As JSON to the server's root: headers of HTTP hold no letter beyond Latin. */
export const toNtfyBody = (notice: Notice, topic: string): string =>
  JSON.stringify({
    topic,
    title: titleOf(notice),
    message: notice.message,
    priority: notice.type === 'alert.resolved' ? 2 : PRIORITIES[notice.severity],
    tags: [notice.type === 'alert.resolved' ? 'white_check_mark' : 'warning'],
  })

export const toMailText = ({ message, rule, severity, firedAt, resolvedAt }: Notice): string =>
  [
    message,
    '',
    `Rule: ${rule} (${severity})`,
    `Since: ${toIso(firedAt)}`,
    ...(resolvedAt === undefined ? [] : [`Over: ${toIso(resolvedAt)}`]),
    '',
  ].join('\n')

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`
