/** The shapes of alerts in the API; what holds for schemas.ts holds here. No address and no secret of a channel goes out, but for a webhook's own, once. */
import { z } from 'zod'
import { CHANNEL_KINDS } from '../core/alerts/channel.ts'
import { SEVERITIES } from '../core/alerts/rule.ts'
import { DAY, MINUTE, readLength } from '../core/time.ts'
import { name, time } from './schemas.ts'

/** A name stands in paths, where these would mean something else. */
const plainName = name.regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u, 'must not hold / or \\')

/** "10m": in and out alike. */
const length = (least: number, most: number, words: string) => {
  const error = `must be a length ${words}, such as "10m"`
  return z.union([z.string(), z.number().min(0).transform(String)], { error }).refine(
    (text) => {
      const ms = readLength(text) ?? -1
      return ms >= least && ms <= most
    },
    { error },
  )
}

const NO_SHARE = 'must be a fraction between 0 and 1, such as 0.9'
const share = z.number({ error: NO_SHARE }).min(0, NO_SHARE).max(1, NO_SHARE)
const over = length(5 * MINUTE, DAY, 'from 5m to 24h')
const anyLength = length(0, 30 * DAY, 'of at most 30d')
const windowName = z
  .string()
  .regex(/^[a-z0-9_]{1,40}$/i)
  .optional()
  .describe('"5h", "7d", …; absent: any')

const STATES = ['cooling', 'needs-login', 'error'] as const

const conditionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('account-state'),
    states: z.array(z.enum(STATES)).min(1).max(3).default(['needs-login', 'error']),
    for: anyLength.default('0s').describe('it has been so for longer than that'),
  }),
  z.strictObject({ kind: z.literal('window-above'), window: windowName, share }),
  z.strictObject({
    kind: z.literal('runway-below'),
    length: length(MINUTE, 7 * DAY, 'from 1m to 7d').describe('the pool is safe for less than that'),
  }),
  z.strictObject({ kind: z.literal('budget-above'), share }),
  z.strictObject({
    kind: z.literal('error-rate'),
    share,
    over: over.default('15m'),
    atLeast: z.int().min(1).max(1_000_000).default(20).describe('of fewer requests nothing is said'),
  }),
  z.strictObject({ kind: z.literal('spend-above'), usdPerHour: z.number().positive().max(1_000_000) }),
  z
    .strictObject({
      kind: z.literal('cache-hit'),
      below: share.optional().describe('of input tokens from a cache'),
      fallsBy: share.optional().describe('against the day before'),
      over: over.default('1h'),
      atLeast: z
        .int()
        .min(1)
        .max(1_000_000_000)
        .default(100_000)
        .describe('of fewer input tokens nothing is said'),
    })
    .refine(({ below, fallsBy }) => below !== undefined || fallsBy !== undefined, {
      error: 'must say below or fallsBy',
    }),
  z.strictObject({
    kind: z.literal('window-reset'),
    window: windowName,
    share: share.default(0.5).describe('only windows that were used by more than that'),
  }),
])

const scopeSchema = z
  .strictObject({
    account: z.string().min(1).max(64).optional(),
    group: z.string().min(1).max(64).optional(),
    key: z.string().min(1).max(64).optional(),
    model: z.string().min(1).max(200).optional().describe('a model or a family'),
  })
  .describe('all of it has to fit; nothing: everybody')

const severity = z.enum(SEVERITIES)
const channelNames = z.array(z.string().min(1).max(64)).max(50)

export const newAlertRuleSchema = z.strictObject({
  name: plainName,
  when: conditionSchema,
  scope: scopeSchema.default({}),
  severity: severity.default('warning'),
  enabled: z.boolean().default(true),
  cooldown: anyLength.default('1h').describe('so long it does not fire again for the same thing'),
  channels: channelNames.nullable().default(null).describe('names; null: every channel'),
})

export const alertRuleChangeSchema = z.strictObject({
  name: plainName.optional(),
  when: conditionSchema.optional(),
  scope: scopeSchema.optional(),
  severity: severity.optional(),
  enabled: z.boolean().optional(),
  cooldown: anyLength.optional(),
  channels: channelNames.nullable().optional(),
})

export const alertRuleSchema = z.object({
  id: z.string(),
  name: z.string(),
  when: z.looseObject({ kind: z.string() }).describe('as it was given, with its defaults'),
  scope: z.object({
    account: z.string().optional(),
    group: z.string().optional(),
    key: z.string().optional(),
    model: z.string().optional(),
  }),
  severity,
  enabled: z.boolean(),
  cooldown: z.string(),
  mutedUntil: time.nullable(),
  channels: z.array(z.string()).nullable(),
  createdAt: time,
  open: z.number().describe('how many of its alerts are open'),
})

export const muteSchema = z.strictObject({
  for: length(MINUTE, 30 * DAY, 'from 1m to 30d')
    .nullable()
    .describe('null: not any more'),
})

export const previewQuerySchema = z.strictObject({ days: z.coerce.number().int().min(1).max(14).default(7) })
export const previewSchema = z.object({
  from: time,
  to: time,
  everyMinutes: z.number(),
  count: z.number(),
  alerts: z
    .array(z.object({ subject: z.string(), firedAt: time, resolvedAt: time.nullable(), message: z.string() }))
    .describe('the newest 200'),
})

export const alertSchema = z.object({
  id: z.string(),
  rule: z.string(),
  kind: z.string(),
  subject: z.string(),
  severity,
  message: z.string(),
  value: z.number().nullable(),
  firedAt: time,
  resolvedAt: time.nullable(),
  resolution: z.string().nullable(),
  muted: z.boolean(),
  acknowledgedAt: time.nullable(),
  acknowledgedBy: z.string().nullable(),
})

const page = {
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: z.uuid({ error: 'must be the nextCursor of an earlier page' }).optional(),
}
export const alertQuerySchema = z.strictObject({
  ...page,
  state: z.enum(['open', 'over']).optional(),
  rule: z.string().optional(),
})
export const deliveryQuerySchema = z.strictObject({
  ...page,
  channel: z.string().optional(),
  state: z.enum(['waiting', 'delivered', 'failed']).optional(),
})

export const deliverySchema = z.object({
  id: z.string(),
  alert: z.string(),
  type: z.string(),
  rule: z.string(),
  message: z.string(),
  channel: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: z.number(),
  createdAt: time,
  lastAt: time.optional().describe('the last attempt, where there will be no other'),
  nextAt: time.optional(),
  status: z.number().nullable(),
  problem: z.string().nullable(),
})

/* channels */

const NO_URL = 'must begin with https:// or http:// and carry no user name or password'
const url = z
  .string()
  .max(2_000)
  .refine(
    (text) => {
      const read = URL.parse(text)
      return read !== null && /^https?:$/.test(read.protocol) && read.username === '' && read.password === ''
    },
    { error: NO_URL },
  )
const secret = z.string().min(1).max(1_000)
const oneLine = /^[^\p{Cc}]+$/u
const address = z.string().min(3).max(320).regex(oneLine)

const emailFields = {
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535).default(587),
  security: z.enum(['tls', 'starttls', 'none']).default('starttls'),
  username: z.string().min(1).max(320).optional(),
  password: secret.optional(),
  from: address,
  to: z.array(address).min(1).max(20),
}

const channelConfigSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), url }),
  z.strictObject({ kind: z.literal('slack'), url }),
  z.strictObject({ kind: z.literal('discord'), url }),
  z.strictObject({
    kind: z.literal('ntfy'),
    url: url.describe('the server’s and the topic’s'),
    token: secret.optional(),
  }),
  z.strictObject({ kind: z.literal('email'), ...emailFields }),
  z.strictObject({
    kind: z.literal('command'),
    argv: z.array(z.string().min(1).max(4_000)).min(1).max(50).describe('a program and its words; no shell'),
  }),
])

export const newChannelSchema = z.strictObject({
  name: plainName,
  enabled: z.boolean().default(true),
  config: channelConfigSchema,
})
export const channelChangeSchema = z.strictObject({
  name: plainName.optional(),
  enabled: z.boolean().optional(),
  config: channelConfigSchema.optional().describe('whole, of the same kind'),
})
export const channelSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(CHANNEL_KINDS),
  enabled: z.boolean(),
  target: z.string().describe('where it leads, without what is secret'),
  createdAt: time,
})
export const createdChannelSchema = channelSchema.extend({
  signingSecret: z.string().optional().describe('of a webhook, shown this once'),
})
export const channelTestSchema = z.object({
  ok: z.boolean(),
  status: z.number().nullable(),
  message: z.string(),
})
