/**
 * The shapes of the admin API that are about accounts: the accounts themselves, signing in,
 * how tokens and windows stand, files to take accounts elsewhere. What holds for schemas.ts
 * holds here. No secret is in any shape that goes out.
 */
import { z } from 'zod'
import { name, time } from './schemas.ts'

const stateSchema = z.object({
  kind: z.enum(['ready', 'cooling', 'needs-login', 'paused', 'error']),
  reason: z.string().optional(),
  since: time.optional(),
  until: time.optional(),
  remedy: z.string().optional().describe('what a person has to do'),
})

const windowSchema = z.object({
  name: z.string(),
  utilization: z.number().nullable().describe('a fraction; null: not known since the window began anew'),
  resetsAt: time.nullable(),
  status: z.string().nullable().describe('in the provider’s word'),
  remaining: z.number().optional().describe('what is left, in `unit`'),
  unit: z.string().optional(),
  readAt: time,
})

const cooldownSchema = z.object({
  scope: z.string().describe('"account", "family:<name>" or "model:<name>"'),
  cause: z.string(),
  evidence: z.string(),
  since: time,
  until: time,
})

const overageSchema = z.object({
  inUse: z.boolean(),
  status: z.string().optional(),
  utilization: z.number().optional(),
  resetsAt: time.optional(),
  disabledReason: z.string().optional(),
})

const totalsSchema = z.object({
  requests: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costUsd: z.number(),
})

export const accountSchema = z.object({
  id: z.string(),
  name: z.string(),
  provider: z.string(),
  baseUrl: z.string().optional(),
  priority: z.number(),
  weight: z.number(),
  tier: z.number(),
  groups: z.array(z.string()),
  modelMap: z
    .record(z.string(), z.union([z.string(), z.array(z.string())]))
    .describe('a model, a family or "*" → what is asked for instead, best first'),
  models: z.array(z.string()).optional().describe('what it serves; absent: what its provider and plan have'),
  maxConcurrent: z.number().optional().describe('requests at once'),
  planOnly: z.boolean().describe('paid overage counts as a limit'),
  proxy: z.string().optional().describe('without its credentials'),
  headers: z.array(z.string()).describe('names of the headers that are added for it'),
  createdAt: time,
  state: stateSchema,
  cooldowns: z.array(cooldownSchema),
  windows: z.array(windowSchema),
  providerStatus: z.string().optional().describe('the provider’s word for the account as a whole'),
  overage: overageSchema.optional(),
  organization: z.string().optional(),
  organizationName: z.string().optional(),
  plan: z.string().optional(),
  email: z.string().optional(),
  tokenExpiresAt: time.optional(),
  session: z.object({ startedAt: time, requests: z.number() }).optional(),
  inFlight: z.number(),
  totals: totalsSchema,
})

/** Totals are sums over the ledger, and no news. */
export const accountStreamEvents = {
  account: accountSchema.omit({ totals: true }),
  removed: z.object({ id: z.string(), name: z.string() }),
}

/** The account as it was added or changed. */
export const saidAccountSchema = accountSchema.extend({
  notes: z.array(z.string()).optional().describe('what looks like a mistake and may be none'),
})

const priority = z.number().int().min(-1_000).max(1_000)
const weight = z.number().min(0).max(1_000)
const groups = z.array(name)
const NO_MODEL = 'must name a model'
const NO_MODELS = 'must name a model, or several, best first: "glm-5.3" or ["glm-5.3", "glm-4.7"]'
/** Whatever clients call their models: names are compared as they are. */
const model = z.string({ error: NO_MODEL }).min(1, NO_MODEL).max(500)
const modelMap = z
  .record(model, z.union([model, z.array(model).min(1, NO_MODELS).max(20)], { error: NO_MODELS }), {
    error: 'must say for each model, family or "*" what is asked for instead: {"opus": "glm-5.3"}',
  })
  .refine((map) => Object.keys(map).length <= 500, 'may have at most 500 entries')
const models = z
  .array(model, { error: 'must be a list of models or families: ["haiku", "claude-sonnet-*"]' })
  .min(1, 'must name a model or family; null stands for whatever its provider and plan have')
  .max(500)
const maxConcurrent = z.number().int().min(1).max(10_000)
const credential = z
  .string()
  .trim()
  .min(1)
  .max(4_096)
  .regex(/^(?:Bearer )?[\x21-\x7e]+$/, 'must be printable and without spaces')
const proxy = z
  .string()
  .max(1_000)
  .describe('http://… or socks5://…, with credentials where it asks for them')
const headers = z.record(z.string().min(1).max(100), z.string()).describe('added to the account’s requests')

const common = {
  priority: priority.optional(),
  weight: weight.optional(),
  tier: weight.optional(),
  groups: groups.optional(),
  modelMap: modelMap.nullable().optional().describe('replaces the map; null: none'),
  models: models.nullable().optional().describe('null: what its provider and plan have'),
  maxConcurrent: maxConcurrent.nullable().optional().describe('null: as many as there are'),
  planOnly: z.boolean().optional(),
}

export const newAccountSchema = z.strictObject({
  name,
  provider: z.string(),
  apiKey: credential.optional(),
  accessToken: credential.optional(),
  refreshToken: credential.optional(),
  tokenExpiresAt: z.iso.datetime({ offset: true }).optional(),
  acceptTerms: z.boolean().optional().describe('needed once, before the first subscription'),
  paused: z.boolean().optional(),
  baseUrl: z.string().optional(),
  proxy: proxy.optional(),
  headers: headers.optional(),
  ...common,
})

export const accountChangeSchema = z.strictObject({
  name: name.optional(),
  apiKey: credential.optional(),
  baseUrl: z.string().nullable().optional(),
  proxy: proxy.nullable().optional(),
  headers: headers.nullable().optional(),
  ...common,
})

export const accountTestSchema = z.object({
  ok: z.boolean(),
  status: z.number().optional(),
  ms: z.number(),
  message: z.string(),
  clockSkewMs: z.number().optional().describe('the provider’s clock minus ours'),
})

export const prioritySchema = z.strictObject({ priority })
export const tierSchema = z.strictObject({ tier: weight })

export const providerSchema = z.object({
  id: z.string(),
  label: z.string(),
  baseUrl: z.string().nullable(),
  credential: z.enum(['key', 'optional-key', 'sign-in']),
  models: z.array(z.string()).describe('examples of what it serves'),
  notes: z.array(z.string()).describe('what its users trip over'),
  tellsUsage: z.boolean().describe('whether it can be asked for an account’s quota'),
})

/* history */

export const eventQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: z.uuid({ error: 'must be the nextCursor of an earlier page' }).optional(),
})

export const eventsSchema = z.object({
  events: z.array(
    z.object({
      id: z.string(),
      at: time,
      kind: z.enum([
        'cooling',
        'recovered',
        'reopened',
        'needs-login',
        'new-credential',
        'cleared',
        'paused',
        'resumed',
      ]),
      scope: z.string().optional(),
      cause: z.string().optional(),
      evidence: z.string().optional(),
      until: time.optional(),
    }),
  ),
  nextCursor: z.string().optional(),
})

export const usageQuerySchema = z.strictObject({
  account: z.string().optional(),
  window: z.string().optional(),
  since: z.string().default('24h').describe('ISO 8601, or a length such as "15m", "24h", "7d"'),
  until: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(20_000).default(5_000),
})

export const usageHistorySchema = z.object({
  readings: z.array(
    z.object({
      account: z.string(),
      window: z.string(),
      at: time,
      utilization: z.number().nullable(),
      resetsAt: time.nullable(),
      status: z.string().nullable(),
    }),
  ),
  isWhole: z.boolean().describe('false: there are more than were asked for'),
})

/* tokens and signing in */

export const tokenHealthSchema = z.object({
  checkedAt: time,
  tokens: z.array(
    z.object({
      account: z.string(),
      provider: z.string(),
      status: z.enum(['healthy', 'expiring', 'expired', 'needs-login']),
      expiresAt: time.nullable(),
      renewsItself: z.boolean(),
      message: z.string(),
      remedy: z.string().optional(),
    }),
  ),
})

export const signInSchema = z.strictObject({
  name: name.describe('of the new account, or of one that is to be signed in again'),
  provider: z.string().default('claude-oauth'),
  mode: z
    .enum(['max', 'console'])
    .optional()
    .describe('max: a subscription on claude.ai (the usual way); of an account that is there, as before'),
  createKey: z
    .boolean()
    .optional()
    .describe('console only: make an API key and keep that in the place of the tokens (the usual way)'),
  acceptTerms: z.boolean().optional().describe('needed once, before the first subscription'),
  baseUrl: z.string().optional(),
  proxy: proxy.optional(),
  headers: headers.optional(),
  ...common,
})

export const begunSignInSchema = z.object({
  sessionId: z.string(),
  authUrl: z.string().describe('to be opened in a browser'),
  expiresAt: time,
})

export const finishSignInSchema = z.strictObject({
  sessionId: z.string().min(1).max(200),
  code: z.string().min(1).max(4_096).describe('as pasted: code#state'),
})

/** The account, and what else is to be said of the sign-in. */
export const signedInSchema = accountSchema.extend({ notes: z.array(z.string()) })

/* files */

const passphrase = z.string().min(8, 'must have at least 8 characters').max(1_000)

export const exportSchema = z.strictObject({ passphrase })
export const exportedSchema = z.object({
  file: z.string().describe('an age file in ASCII armour, with the credentials'),
  accounts: z.array(z.string()),
})
export const importSchema = z.strictObject({
  file: z.string().max(1 << 20),
  passphrase: z.string().min(1).max(1_000),
  dryRun: z.boolean().optional(),
  acceptTerms: z.boolean().optional(),
})
export const importedSchema = z.object({
  accounts: z.array(z.object({ name: z.string(), isAdded: z.boolean(), problem: z.string().optional() })),
})
