/**
 * The shapes of what is kept of bodies. Bodies are text where they are UTF-8, base64
 * elsewhere; what was blotted out is said with its rule, never with its text.
 */
import { z } from 'zod'
import { time } from './schemas.ts'

const partSchema = z.object({
  headers: z.array(z.tuple([z.string(), z.string()])).describe('in the order of the wire'),
  size: z.number().describe('of the whole body, in bytes'),
  kept: z
    .enum(['whole', 'beginning', 'nothing'])
    .describe('nothing: only headers were wanted, or the body was compressed'),
  encoding: z.enum(['utf-8', 'base64']),
  body: z.string().describe('as it passed, each blotted byte an asterisk'),
  redactions: z
    .array(z.object({ rule: z.string(), count: z.number() }))
    .describe('what was blotted out of headers and body'),
  marks: z
    .array(z.object({ rule: z.string(), at: z.number(), length: z.number() }))
    .describe('where in the body, in bytes; the first thousand'),
})

export const payloadSchema = z.object({
  id: z.string(),
  at: time,
  method: z.string(),
  target: z.string().describe('path and query'),
  status: z.number(),
  outcome: z.string(),
  account: z.string().nullable(),
  model: z.string().nullable(),
  servedModel: z
    .string()
    .nullable()
    .describe('where it is not the model, that one value was put in its place on the way to the account'),
  request: partSchema,
  answer: partSchema.nullable().describe('null: the client left before it was answered'),
})

export const payloadStorageSchema = z.object({
  count: z.number(),
  bytes: z.number().describe('of the file'),
  budgetBytes: z.number(),
  retentionDays: z.number(),
  oldest: time.nullable(),
  newest: time.nullable(),
  waiting: z.number().describe('to be written'),
  dropped: z.number().describe('could not be kept, since the start'),
  problem: z.string().optional(),
})

export const forgottenSchema = z.object({ forgotten: z.number() })
