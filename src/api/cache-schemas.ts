/** The shapes about prompt caches: one request's verdict, and sums of misses. */
import { z } from 'zod'
import { MISS_CAUSES } from '../core/cache-miss.ts'

const causeSchema = z.enum(MISS_CAUSES)

export const cacheSchema = z.object({
  verdict: z.enum(['hit', 'first', 'miss']),
  cause: causeSchema.optional().describe('why it was missed'),
  part: z.string().optional().describe('what of the prompt had changed: "tools", "system" or "message 12"'),
  tokens: z.number().optional().describe('that had been cached and were written anew'),
  usd: z.number().optional().describe('what that cost more than reading them'),
})

const missSums = { misses: z.number(), tokens: z.number(), usd: z.number() }

export const cacheQuerySchema = z.strictObject({
  range: z
    .string()
    .regex(/^\d{1,4}[mhd]$/, 'must be a length such as 1h, 24h or 30d')
    .optional()
    .describe('until now; 24h where nothing is said'),
  from: z.string().optional().describe('ISO 8601, in the place of a range'),
  to: z.string().optional(),
})

export const cacheMissesSchema = z.object({
  from: z.string(),
  to: z.string(),
  ...missSums,
  causes: z.array(
    z.object({
      cause: causeSchema,
      ...missSums,
      parts: z
        .array(z.object({ part: z.enum(['tools', 'system', 'message']), ...missSums }))
        .describe('for changed-prefix: what had changed'),
    }),
  ),
})
