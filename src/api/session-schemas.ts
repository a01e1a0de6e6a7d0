/** The shapes about sessions: clients’ sessions with their agents, where they are at home, what they have used. */
import { z } from 'zod'
import { MISS_CAUSES } from '../core/cache-miss.ts'
import { name, requestSchema, time } from './schemas.ts'

const homeSchema = {
  account: z.string().nullable().describe('where it is at home; null: nowhere at present'),
  spill: z.string().optional().describe('where it went while its account could not take it'),
  cacheUntil: time.optional().describe('its cache is warm until then'),
}

const sessionAgentSchema = z.object({
  agent: z
    .string()
    .nullable()
    .describe('the agent’s id; null: the main loop and what its client asks beside it'),
  kind: z.string().nullable(),
  ...homeSchema,
  startedAt: time,
  usedAt: time,
  requests: z.number(),
  tokens: z.number(),
  costUsd: z.number(),
  models: z.array(
    z.object({ model: z.string().nullable(), servedModel: z.string().nullable(), requests: z.number() }),
  ),
})

export const sessionSchema = z.object({
  id: z.string(),
  startedAt: time,
  usedAt: time,
  ...homeSchema,
  pinned: z.string().optional().describe('the account that it is pinned to'),
  lastAccount: z.string().nullable().describe('the one that served it last'),
  key: z.string().optional(),
  requests: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  costUsd: z.number(),
  cache: z.object({
    hits: z.number(),
    misses: z.number(),
    lostTokens: z.number(),
    lostUsd: z.number(),
    causes: z.partialRecord(z.enum(MISS_CAUSES), z.number()),
  }),
  agents: z.array(sessionAgentSchema),
})

export const sessionQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z
    .string()
    .regex(/^\d{1,16}~/, 'must be the nextCursor of an earlier page')
    .max(200)
    .optional(),
  since: z.string().optional().describe('used since then: ISO 8601, or a length such as "15m", "24h", "7d"'),
  account: z.string().optional().describe('the account that served it last'),
  key: z.string().optional(),
  agent: z.string().optional().describe('a kind of agent, or an agent’s id'),
})
export const sessionListSchema = z.object({
  sessions: z.array(sessionSchema),
  nextCursor: z.string().optional(),
})

export const turnsQuerySchema = z.strictObject({
  turns: z.coerce.number().int().min(0).max(500).default(50).describe('how many of its last requests'),
})
export const shownSessionSchema = sessionSchema.extend({
  turns: z.array(requestSchema).describe('newest first'),
})

export const targetAccountSchema = z.strictObject({ account: name.describe('an account’s name or id') })
