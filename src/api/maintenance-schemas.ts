/** What goes in and comes out of maintenance; what holds for schemas.ts holds here. */
import { z } from 'zod'
import { time } from './schemas.ts'

const bytes = z.number().describe('bytes')

const backup = z.object({ file: z.string(), bytes, at: time })
const size = z.object({ bytes, freeBytes: bytes, logBytes: bytes })

export const storageSchema = z.object({
  kind: z.string(),
  place: z.string(),
  ...size.shape,
  journalBytes: bytes.describe('What is booked and not in the database yet, in bytes'),
  tables: z.array(
    z.object({
      name: z.string(),
      rows: z.number().nullable().describe('About; null where that is not known'),
    }),
  ),
  files: z.array(z.object({ name: z.string(), bytes })).describe('The data directory’s'),
  oldestRequestAt: time.nullable(),
  lastBackup: backup.nullable(),
})

export const checkSchema = z.object({ findings: z.array(z.string()) })

export const backupWishSchema = z.strictObject({
  file: z
    .string()
    .startsWith('/', 'must be a path from the root')
    .max(4_000)
    .optional()
    .describe('On the gateway’s machine, from the root; a file of the data directory’s backups/ otherwise'),
})
export const backupSchema = backup

export const compactSchema = z.object({ before: size, after: size })
export const doneSchema = z.object({ done: z.literal(true) })

export const clearHistorySchema = z
  .union([
    z.strictObject({ before: z.string().describe('A time, or how long ago: 90d') }),
    z.strictObject({ all: z.literal(true) }),
  ])
  .describe('Which rows: those before a moment, or all')
export const clearedSchema = z.object({ requests: z.number() })
