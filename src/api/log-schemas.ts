/** The shapes of log lines and of questions for them, as zod schemas. */
import { z } from 'zod'
import { time } from './schemas.ts'

const level = z.enum(['debug', 'info', 'warn', 'error'])

export const logSchema = z.object({
  id: z.string(),
  time,
  level,
  message: z.string(),
  request: z.string().optional().describe('the id of the client’s request that it is about'),
  error: z.string().optional().describe('the error whole, with what caused it'),
  fields: z.record(z.string(), z.unknown()),
})

export const logQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.string().max(100).optional(),
  level: level.default('debug').describe('at least as important'),
  text: z.string().max(200).optional().describe('anywhere in the line, in whatever case'),
  request: z.string().max(100).optional(),
  since: z.string().optional().describe('ISO 8601, or a length such as "15m", "24h"'),
})

export const logStreamQuerySchema = z.strictObject({
  level: level.default('debug').describe('at least as important'),
})

export const logsSchema = z.object({ logs: z.array(logSchema), nextCursor: z.string().optional() })
