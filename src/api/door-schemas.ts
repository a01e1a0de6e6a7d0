/** The shapes of signing in, of users and of the audit log; what holds for schemas.ts holds here. */
import { z } from 'zod'
import { PERSON_ROLES } from '../core/user.ts'
import { name, time } from './schemas.ts'

const role = z.enum(PERSON_ROLES, { error: `must be one of ${PERSON_ROLES.join(', ')}` })
const way = z.enum(['link', 'password', 'oidc'])

/** A name stands in paths, in the log and on terminals. */
const userName = name.regex(/^(?!\.{1,2}$)[^/\\\p{Cc}\p{Cf}]+$/u, 'must not hold / or \\')
/** NIST SP 800-63B §3.1.1: a length, and no rules about letters. */
const password = z
  .string({ error: 'must be a text' })
  .min(12, 'must have at least 12 characters')
  .max(256, 'must have at most 256 characters')

/* signing in */

export const passwordSignInSchema = z.strictObject({
  name: z.string().min(1).max(64),
  password: z.string().min(1).max(256),
})
export const linkSignInSchema = z.strictObject({ token: z.string().min(1).max(200) })
export const signedInPersonSchema = z.object({
  id: z.string(),
  name: z.string(),
  role,
  way,
  expiresAt: time.describe('however much it is used'),
})
export const signInLinkSchema = z.object({
  url: z.string().describe('without an origin where the operator has not set publicUrl'),
  expiresAt: time,
})
export const whoamiSchema = z.object({
  name: z.string(),
  role: z.string(),
  way: z.enum(['token', 'link', 'password', 'oidc']),
  signIn: z.object({ id: z.string(), createdAt: time, expiresAt: time }).optional(),
})
export const signInsSchema = z.object({
  signIns: z.array(
    signedInPersonSchema.extend({
      peer: z.string().describe('the address that it was made from'),
      createdAt: time,
      usedAt: time.describe('to the minute'),
      isThis: z.boolean().describe('whether it is the one that asks'),
    }),
  ),
})

/* users */

export const userSchema = z.object({
  id: z.string(),
  name: z.string(),
  role,
  createdAt: time,
  disabledAt: time.optional(),
})
export const newUserSchema = z.strictObject({ name: userName, role, password })
export const userChangeSchema = z.strictObject({
  name: userName.optional(),
  role: role.optional(),
  password: password.optional(),
  disabled: z.boolean().optional(),
})

/* the audit log */

export const auditQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: z.uuid({ error: 'must be the nextCursor of an earlier page' }).optional(),
  action: z.string().optional().describe('a route’s operationId, or "signInFailed"'),
  who: z.string().optional(),
  since: z.string().optional().describe('ISO 8601, or a length such as "15m", "24h", "7d"'),
})
export const auditSchema = z.object({
  entries: z.array(
    z.object({
      id: z.string(),
      at: time,
      who: z.string(),
      role: z.string().optional(),
      peer: z.string(),
      action: z.string(),
      target: z.string().optional(),
      from: z.unknown().optional(),
      to: z.unknown().optional(),
    }),
  ),
  nextCursor: z.string().optional(),
})
