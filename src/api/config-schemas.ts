/** The shapes of settings, of changes to them and of what is found wrong with them, as zod schemas. */
import { z } from 'zod'

export const settingSchema = z.object({
  name: z.string(),
  value: z.unknown().describe('of a secret nothing but whether there is one'),
  source: z.enum(['flag', 'environment', 'file', 'stored', 'default']),
  place: z.string().optional().describe('the flag, variable or file that it came from'),
  isLocked: z.boolean().describe('set outside: changing it here answers 409'),
  lockedBy: z.string().optional(),
  default: z.unknown(),
  unit: z.string().optional(),
  range: z.string().optional(),
  description: z.string(),
  takesEffect: z.string(),
})

export const configSchema = z.object({ settings: z.array(settingSchema), notes: z.array(z.string()) })

export const configChangeSchema = z
  .record(z.string(), z.unknown())
  .describe('setting → value; null takes it back')

export const configCheckSchema = z.strictObject({
  settings: configChangeSchema.optional().describe('values to try; nothing is changed'),
})

export const configFindingsSchema = z.object({
  findings: z.array(z.object({ path: z.string(), message: z.string(), remedy: z.string().optional() })),
})
