/** The shapes about agents: as they are defined, as they were seen, and what they get. */
import { z } from 'zod'
import { time } from './schemas.ts'

const NO_MODEL = 'must name a model'
const model = z.string({ error: NO_MODEL }).trim().min(1, NO_MODEL).max(200)
const agentName = z.string().min(1).max(64)

const change = {
  model: model.nullable().optional().describe('in the place of whatever it asks for; null takes it back'),
  models: z
    .record(model, model.nullable())
    .nullable()
    .optional()
    .describe('a model or family → the model wanted instead; those that are named change, null takes back'),
  class: z.enum(['interactive', 'background']).nullable().optional(),
}
const NOTHING = 'must name a model, models or a class'
const isSaid = (given: {
  readonly model?: unknown
  readonly models?: unknown
  readonly class?: unknown
}): boolean => given.model !== undefined || given.models !== undefined || given.class !== undefined

export const agentChangeSchema = z.strictObject(change).refine(isSaid, { error: NOTHING })

export const agentChangesSchema = z.strictObject({
  agents: z
    .array(z.strictObject({ name: agentName, ...change }).refine(isSaid, { error: NOTHING }))
    .min(1)
    .max(200),
})

export const agentSchema = z.object({
  name: z.string(),
  sources: z
    .array(z.enum(['workspace', 'traffic', 'rule', 'built-in']))
    .describe('how it is known: defined in a workspace, seen, named by a rule, or one that clients bring'),
  description: z.string().optional(),
  definedModel: z.string().optional().describe('in its definition'),
  tools: z.array(z.string()).optional(),
  workspace: z.string().optional(),
  file: z.string().optional(),
  firstSeenAt: time.optional(),
  lastSeenAt: time.optional(),
  requests: z.number(),
  tokens: z.number(),
  costUsd: z.number(),
  models: z
    .array(
      z.object({ model: z.string().nullable(), servedModel: z.string().nullable(), requests: z.number() }),
    )
    .describe('asked for, and served'),
  preference: z.object({
    model: z.string().optional().describe('in the place of whatever it asks for'),
    models: z.record(z.string(), z.string()),
    class: z.enum(['interactive', 'background']).optional(),
  }),
})

export const agentListSchema = z.object({
  agents: z.array(agentSchema),
  problems: z
    .array(z.object({ workspace: z.string(), message: z.string() }))
    .describe('what could not be read'),
})
