/** The shapes of the history; what holds for schemas.ts holds here. */
import { z } from 'zod'
import { outcomeSchema, sumsSchema, time } from './schemas.ts'

const RANGES = ['1h', '6h', '24h', '7d', '30d', '90d'] as const
export const BUCKETS = ['5m', '1h', '1d'] as const

const moment = z.string().describe('ISO 8601, or a length such as "15m", "24h", "7d"')

export const analyticsQuerySchema = z.strictObject({
  range: z.enum(RANGES).optional().describe('up to now; 24h unless "from" is given'),
  from: moment.optional(),
  to: moment.optional(),
  groupBy: z
    .enum(['none', 'account', 'model', 'key', 'agent', 'session', 'status'])
    .default('none')
    .describe('model: as served; status: the outcome'),
  bucket: z
    .enum(BUCKETS)
    .optional()
    .describe('the finest that is wanted; a coarser one is taken where so fine a one is not kept'),
  account: z.string().optional(),
  model: z.string().optional().describe('as served'),
  key: z.string().optional(),
  status: outcomeSchema.optional(),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(50)
    .describe('how many groups are told apart, the busiest'),
})

const quantilesSchema = z
  .object({ p50: z.number(), p95: z.number(), p99: z.number() })
  .nullable()
  .describe('milliseconds, within 4.5 %; null where nothing was measured')

const measuresSchema = sumsSchema.extend({
  successRate: z.number().nullable(),
  latencyMs: quantilesSchema,
  ttftMs: quantilesSchema,
  tokensPerSecond: z.number().nullable().describe('output, from the first content to the end'),
  cacheHitRatio: z.number().nullable().describe('the share of prompt tokens that came out of a cache'),
})

const groupSchema = measuresSchema.extend({ name: z.string().nullable() })

export const analyticsSchema = z.object({
  from: time.describe('a bound of buckets, not later than what was asked for'),
  to: time.describe('a bound of buckets, not earlier than what was asked for'),
  bucket: z.enum(BUCKETS),
  groupBy: z.string(),
  totals: measuresSchema,
  groups: z.array(groupSchema).describe('the busiest first'),
  hasMore: z.boolean().describe('there are more groups than are told apart'),
  series: z.array(measuresSchema.extend({ startsAt: time, groups: z.array(groupSchema) })),
})
