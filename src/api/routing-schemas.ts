/** The shapes of the routing routes: the rules in force, dry runs, the waiting line. */
import { z } from 'zod'
import { decisionSchema, time } from './schemas.ts'

const classSchema = z.enum(['interactive', 'background'])

export const routingSchema = z.object({
  strategy: z.string(),
  pools: z.array(
    z.object({
      name: z.string(),
      strategy: z.string().optional().describe('in the place of the strategy in force'),
      tiers: z.array(
        z.object({
          group: z.string(),
          usdPerDay: z.number().optional(),
          spentTodayUsd: z.number(),
          accounts: z.array(z.string()),
        }),
      ),
    }),
  ),
  groups: z.array(z.object({ name: z.string(), accounts: z.array(z.string()) })),
  aliases: z.record(z.string(), z.string()),
  agents: z.array(
    z.object({ kind: z.string(), class: classSchema.optional(), models: z.record(z.string(), z.string()) }),
  ),
  reserves: z.array(
    z.object({
      class: classSchema,
      window: z.string(),
      percent: z.number(),
      group: z.string().optional(),
      lendSeconds: z.number(),
    }),
  ),
  findings: z.array(z.object({ path: z.string(), message: z.string() })).describe('what of it cannot work'),
})

export const explainQuerySchema = z.strictObject({
  model: z.string().min(1).max(200),
  session: z.string().max(500).optional(),
  agent: z.string().max(500).optional().describe('an agent’s id or its kind'),
  key: z.string().optional().describe('a key’s name or id'),
  pool: z.string().max(64).optional(),
  class: classSchema.optional(),
  exclude: z.string().max(2_000).optional().describe('names of accounts, with commas between them'),
  tokens: z.coerce.number().int().min(0).max(100_000_000).optional().describe('what it is expected to use'),
})

export const explainedSchema = z.object({
  outcome: z.enum(['send', 'wait', 'refuse']),
  account: z.string().optional(),
  model: z.string().optional().describe('what the account would be asked for'),
  until: time.optional(),
  status: z.number().optional().describe('what the client would be answered'),
  decision: decisionSchema,
})

export const queueSchema = z.object({
  waiting: z.array(
    z.object({
      id: z.string(),
      place: z.number(),
      class: classSchema,
      cause: z.enum(['probing', 'own-account', 'busy', 'throttled', 'held']),
      since: time,
      until: time,
      model: z.string().optional(),
      key: z.string().optional(),
      session: z.string().optional(),
    }),
  ),
})
