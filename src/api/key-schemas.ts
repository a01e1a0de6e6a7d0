/**
 * The shapes of client keys: their rules, how each of their limits stands, a key's own page.
 * A new key's secret goes out once, and no other.
 */
import { z } from 'zod'
import { BUDGET_PERIODS, ENDPOINT_NAMES } from '../core/key-limits.ts'
import { isPayloadRule, PAYLOAD_WORDS } from '../core/payload.ts'
import { STRATEGIES } from '../core/strategies.ts'
import { HOUR, readLength } from '../core/time.ts'
import { name, time } from './schemas.ts'

/* out */

const periodSchema = z.enum(BUDGET_PERIODS)
const budgetSchema = z.object({
  usd: z.number().optional(),
  tokens: z.number().optional(),
  period: periodSchema.describe('5h: any five hours; the others of the calendar in UTC, a week from Monday'),
})
const usedSchema = z.object({
  requests: z.number().describe('those that reached an account'),
  tokens: z.number().describe('input, output and cache writes'),
  costUsd: z.number(),
})

const limitUseSchema = z.object({
  limit: z.enum(['requestsPerMinute', 'tokensPerMinute', 'maxConcurrent', 'budget']),
  period: periodSchema.optional(),
  unit: z.enum(['requests', 'tokens', 'usd']),
  most: z.number(),
  used: z.number(),
  reserved: z.number().describe('what its requests under way are expected to add'),
  isFull: z.boolean().describe('requests are refused now'),
  opensAt: time.optional().describe('when there is room again, if nothing more is used'),
  resetsAt: time.optional().describe('when nothing of what is used now counts any more'),
})

const useSchema = z.object({
  inFlight: z.number(),
  today: usedSchema,
  month: usedSchema,
  limits: z.array(limitUseSchema),
})

export const keySchema = z.object({
  id: z.string(),
  name: z.string(),
  hint: z.string().describe('the secret’s last characters'),
  state: z.enum(['active', 'disabled', 'revoked', 'expired']),
  createdAt: time,
  disabledAt: time.optional(),
  revokedAt: time.optional(),
  expiresAt: time.optional(),
  pool: z.string().optional(),
  class: z.string().optional(),
  hold: z.string().optional().describe('a length, such as "90s"'),
  runaway: z.string().optional(),
  models: z
    .union([z.record(z.string(), z.string()), z.array(z.string())])
    .optional()
    .describe('the preferences; where there are none, allowedModels'),
  allowedModels: z.array(z.string()).optional(),
  groups: z.array(z.string()).optional(),
  strategy: z.string().optional(),
  endpoints: z.array(z.string()).optional(),
  requestsPerMinute: z.number().optional(),
  tokensPerMinute: z.number().optional(),
  maxConcurrent: z.number().optional(),
  budgets: z.array(budgetSchema).optional(),
  payloads: z.string().optional(),
  use: useSchema.describe('of today and of this month (UTC), and of each limit'),
})
export const createdKeySchema = keySchema.extend({ secret: z.string().describe('shown this once') })

/* in */

/** A name stands in paths, where these would mean something else. */
const keyName = name.regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u, 'must not hold / or \\')

const NO_HOLD = 'must be a length such as "90s" or "10m", of at most an hour'
/** In and out alike: milliseconds are for machines. */
const hold = z
  .union([z.string(), z.number().min(0).transform(String)], { error: NO_HOLD })
  .refine((text) => (readLength(text) ?? Number.POSITIVE_INFINITY) <= HOUR, { error: NO_HOLD })
const NO_MODEL = 'must name a model'
const modelName = z.string({ error: NO_MODEL }).trim().min(1, NO_MODEL).max(200)
const NO_MODELS =
  'must say a model for each model or family, such as {"opus": "claude-haiku-5-5"}, or list the models that it may use'
const NO_POOL = 'must be the name of a pool or of a group'

const NO_LIST = 'must be a list of models or families'
const modelList = z.array(modelName, { error: NO_LIST }).min(1, NO_LIST).max(100)
const NO_GROUP = 'must name groups of accounts; leave it out for all accounts'
const groupList = z
  .array(z.string({ error: NO_GROUP }).trim().min(1, NO_GROUP).max(64), { error: NO_GROUP })
  .min(1, NO_GROUP)
  .max(100)
  .refine((groups) => !groups.includes('*'), { error: NO_GROUP })
const STRATEGY_NAMES = STRATEGIES.map((row) => row.name)
const NO_ENDPOINT = `must be a list of ${ENDPOINT_NAMES.join(', ')}`
const NO_COUNT = 'must be a whole number above 0'
const count = z.int({ error: NO_COUNT }).min(1, NO_COUNT).max(1_000_000_000)
const NO_BUDGET = 'must be {"usd": …} or {"tokens": …} with a "period" of 5h, day, week or month'
const NO_AMOUNT = 'must be above 0'
const period = z.enum(BUDGET_PERIODS, { error: 'must be 5h, day, week or month' })
const budget = z.union(
  [
    z.strictObject({ usd: z.number().positive(NO_AMOUNT).max(1_000_000_000), period }),
    z.strictObject({ tokens: z.int({ error: NO_AMOUNT }).positive(NO_AMOUNT), period }),
  ],
  { error: NO_BUDGET },
)
const budgets = z
  .array(budget, { error: NO_BUDGET })
  .min(1, NO_BUDGET)
  .max(8)
  .refine((all) => new Set(all.map((each) => `${'usd' in each} ${each.period}`)).size === all.length, {
    error: 'must not say two budgets in one unit for one period',
  })
const NO_TIME = 'must be a time in ISO 8601, such as "2027-01-31T00:00:00Z"'

const keyRules = {
  pool: z
    .string({ error: NO_POOL })
    .min(1, NO_POOL)
    .max(64)
    .describe('the pool that serves it, and the only one'),
  class: z
    .enum(['interactive', 'background'], { error: 'must be interactive or background' })
    .describe('a background key’s requests are never interactive'),
  hold: hold.describe('how long it would rather wait than be refused when everything is limited'),
  runaway: z
    .enum(['off', 'warn', 'refuse'], { error: 'must be off, warn or refuse' })
    .describe('what happens to a client that seems to have run away'),
  allowedModels: modelList.describe('models, families or "claude-haiku-*": it may use no others'),
  groups: groupList.describe('only accounts of these groups serve it'),
  strategy: z
    .enum(STRATEGY_NAMES, { error: `must be one of ${STRATEGY_NAMES.join(', ')}` })
    .describe('in the place of its pool’s and of the one in force'),
  endpoints: z
    .array(z.enum(ENDPOINT_NAMES, { error: NO_ENDPOINT }), { error: NO_ENDPOINT })
    .min(1, NO_ENDPOINT)
    .describe('it may call no others'),
  requestsPerMinute: count.describe('in any 60 seconds'),
  tokensPerMinute: count.describe('in any 60 seconds: input, output and cache writes'),
  maxConcurrent: count.describe('requests under way at once'),
  budgets: budgets.describe('at most that much in each period'),
  payloads: z
    .string()
    .refine(isPayloadRule, { error: `must be ${PAYLOAD_WORDS}` })
    .describe('what is kept of its bodies, whatever the setting says'),
  expiresAt: z.iso.datetime({ offset: true, error: NO_TIME }).describe('from then on it is refused with 401'),
}

const preferences = z.record(modelName, modelName, { error: NO_MODELS })
const MODELS_ARE = 'a model or family → the model wanted instead; or a list, which is taken for allowedModels'

export const newKeySchema = z.strictObject({
  name: keyName,
  ...z.object(keyRules).partial().shape,
  models: z.union([modelList, preferences], { error: NO_MODELS }).optional().describe(MODELS_ARE),
})
export const keyChangeSchema = z.strictObject({
  name: keyName.optional(),
  disabled: z.boolean().optional(),
  ...nullable(keyRules),
  models: z
    .union([modelList, z.record(modelName, modelName.nullable(), { error: NO_MODELS })], { error: NO_MODELS })
    .nullable()
    .optional()
    .describe(
      `${MODELS_ARE}. Preferences that are named change, null takes one back; null takes back all that it shows`,
    ),
})

/** null takes a rule back. */
function nullable<Shape extends Readonly<Record<string, z.ZodType>>>(shape: Shape) {
  return Object.fromEntries(
    Object.entries(shape).map(([rule, schema]) => [rule, schema.nullable().optional()]),
  ) as { [Rule in keyof Shape]: z.ZodOptional<z.ZodNullable<Shape[Rule]>> }
}
