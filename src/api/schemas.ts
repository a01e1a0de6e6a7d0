/**
 * The shapes of the admin API, as zod schemas: what the server checks, what clients are
 * typed by and what the OpenAPI document shows. camelCase, times in ISO 8601 UTC, unknown
 * fields refused on the way in. No secret is in any shape that goes out, but for a new
 * key's, once.
 */
import { z } from 'zod'
import { OUTCOMES } from '../core/ledger.ts'
import { cacheSchema } from './cache-schemas.ts'

export const time = z.string().describe('ISO 8601, UTC')
export const name = z.string().min(1).max(64)

export const errorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
})

/* requests */

const attemptSchema = z.object({
  account: z.string(),
  status: z.number().optional(),
  failure: z.string().optional(),
  detail: z.string().optional(),
  ms: z.number(),
})

export const decisionSchema = z.object({
  strategy: z.string(),
  pool: z.string().optional(),
  class: z.string().optional().describe('absent: interactive'),
  wanted: z
    .string()
    .optional()
    .describe('the model that an alias or a preference put in the place of the one asked for'),
  moving: z
    .object({ tokens: z.number(), usd: z.number().optional() })
    .optional()
    .describe('what leaving its account costs the conversation: the part of its cache that is written anew'),
  reason: z.string().optional(),
  refusal: z.string().optional(),
  candidates: z.array(
    z.object({ account: z.string(), excluded: z.string().optional(), until: time.optional() }),
  ),
})

export const outcomeSchema = z.enum(OUTCOMES)

export const requestSchema = z.object({
  id: z.string(),
  startedAt: time,
  method: z.string(),
  path: z.string(),
  dialect: z.string(),
  provider: z.string().nullable(),
  account: z.string().nullable(),
  key: z.string().optional(),
  session: z.string().optional(),
  agent: z.string().optional(),
  model: z.string().nullable(),
  servedModel: z.string().nullable(),
  stream: z.boolean(),
  status: z.number(),
  outcome: outcomeSchema,
  attempts: z.array(attemptSchema),
  decision: decisionSchema,
  ttftMs: z.number().optional(),
  durationMs: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWrite5mTokens: z.number(),
  cacheWrite1hTokens: z.number(),
  usageComplete: z.boolean().describe('false: the provider’s final count was not seen'),
  costUsd: z.number().nullable().describe('null: the model is not in the price list'),
  error: z.string().optional(),
  agentKind: z.string().optional().describe('which kind of agent it came from, where that is known'),
  cache: cacheSchema.optional().describe('absent: nothing of its prompt is cached'),
})

const NO_STATUS = `must be an HTTP status such as 429, or one of ${outcomeSchema.options.join(', ')}`
/** In a query everything is a text; 0 is the status of whoever left before an answer. */
const statusSchema = z.union(
  [
    z
      .string()
      .regex(/^\d{1,3}$/, { error: NO_STATUS, abort: true })
      .transform(Number),
    z.int().min(0).max(999),
    outcomeSchema,
  ],
  { error: NO_STATUS },
)

export const requestQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: z.uuid({ error: 'must be the nextCursor of an earlier page' }).optional(),
  account: z.string().optional(),
  model: z.string().optional(),
  status: statusSchema.optional().describe('an HTTP status or an outcome'),
  key: z.string().optional(),
  session: z.string().optional(),
  agent: z.string().optional(),
  since: z.string().optional().describe('ISO 8601, or a length such as "15m", "24h", "7d"'),
  until: z.string().optional(),
})

/** Rows of another gateway's history; ids of theirs, so that bringing them in twice adds nothing. */
export const historySchema = z.strictObject({
  source: z.string().regex(/^[a-z0-9-]{1,40}$/),
  requests: z
    .array(
      z.strictObject({
        id: z.string().min(1).max(200),
        startedAt: z.iso.datetime({ offset: true }),
        account: z.string().min(1).max(64).nullable(),
        provider: z.string().max(64),
        method: z.string().max(16),
        path: z.string().max(500),
        model: z.string().max(200).nullable(),
        agent: z.string().max(120).optional(),
        status: z.number().int().min(0).max(999),
        isSuccess: z.boolean(),
        durationMs: z.number().min(0),
        inputTokens: z.number().int().min(0),
        outputTokens: z.number().int().min(0),
        cacheReadTokens: z.number().int().min(0),
        cacheWriteTokens: z.number().int().min(0),
        costUsd: z.number().min(0).nullable(),
      }),
    )
    .max(1_000),
})
export const historyAddedSchema = z.object({ added: z.number() })

/* the rest */

export const sumsSchema = z.object({
  requests: z.number(),
  succeeded: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWrite5mTokens: z.number(),
  cacheWrite1hTokens: z.number(),
  costUsd: z.number(),
  unpriced: z.number(),
})

const namedSums = z.array(sumsSchema.extend({ name: z.string().nullable() }))

export const statsSchema = z.object({
  since: time.nullable(),
  totals: sumsSchema,
  accounts: namedSums,
  models: namedSums,
  keys: namedSums,
})

export const sinceQuerySchema = z.strictObject({ since: z.string().optional() })

export const strategySchema = z.object({ strategy: z.string() })
export const strategyListSchema = z.object({
  strategies: z.array(z.object({ name: z.string(), description: z.string(), isActive: z.boolean() })),
})

export const healthSchema = z.object({
  status: z.enum(['ok', 'degraded', 'unhealthy']),
  problems: z.array(z.string()),
  version: z.string(),
  uptimeSeconds: z.number(),
  accounts: z.object({ total: z.number(), ready: z.number() }),
  ledger: z.object({ waiting: z.number(), lost: z.number() }),
})

export const systemSchema = z.object({
  version: z.string(),
  runtime: z.string(),
  pid: z.number(),
  startedAt: time,
  dataDirectory: z.string(),
  database: z.object({ kind: z.string(), place: z.string() }),
  memoryBytes: z.number(),
  pricesAsOf: z.string(),
  certificate: z
    .object({ subject: z.string(), serialNumber: z.string(), expiresAt: time })
    .optional()
    .describe('the one that is shown to clients, with TLS'),
})

export const nothingSchema = z.strictObject({})
