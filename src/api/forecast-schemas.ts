/** The shapes of the admin API that are about the forecast. What holds for schemas.ts holds here. */
import { z } from 'zod'
import { time } from './schemas.ts'

const fraction = z.number().describe('a fraction')

const moments = z
  .object({ low: time.nullable(), mid: time.nullable(), high: time.nullable() })
  .describe('one time in ten before `low`, half before `mid`, one in ten after `high`; null: not before then')

const levels = z.object({ low: fraction, mid: fraction, high: fraction })

const windowForecastSchema = z.object({
  name: z.string(),
  utilization: fraction.nullable().describe('null: not known since the window began anew'),
  resetsAt: time.nullable(),
  presentPace: z.number().nullable().describe('fractions in an hour'),
  usualPace: z.number().nullable().describe('of this hour of the week'),
  kind: z
    .enum(['unknown', 'spent', 'lasts', 'runs-out'])
    .describe('lasts until its reset, or runs out before: whichever is likelier'),
  reason: z.string().optional().describe('of `unknown`: what is missing'),
  probability: fraction.optional().describe('that it is spent before its reset'),
  spentAt: moments.optional(),
  atReset: levels.optional().describe('how much is used at its reset'),
})

export const forecastQuerySchema = z.strictObject({
  account: z.string().optional().describe('show the windows of this account only'),
  offsetMinutes: z.coerce
    .number()
    .int()
    .min(-840)
    .max(840)
    .optional()
    .describe('what the reader’s clock is ahead of UTC, for the times in `sentence`'),
})

export const forecastSchema = z.object({
  computedAt: time,
  sentence: z.string().describe('the pool in a sentence'),
  pool: z.object({
    kind: z
      .enum(['unknown', 'open-ended', 'out', 'forecast'])
      .describe('open-ended: an account has no windows; out: no account can take requests now'),
    reason: z.string().optional(),
    safeUntil: time.nullable().describe('null: as far as is looked, or not known (see `kind`)'),
    certainty: fraction.optional().describe('that it is safe until then'),
    lookedUntil: time.optional(),
    probability: fraction.optional().describe('that no account is left at some moment up to `lookedUntil`'),
    outAt: moments.optional().describe('when no account is left'),
    until: time.optional().describe('of `out`: when the first account is back'),
    usable: z.number(),
    total: z.number(),
    tightest: z
      .object({ account: z.string(), window: z.string(), probability: fraction.nullable() })
      .nullable(),
    uncounted: z
      .array(z.object({ account: z.string(), reason: z.string() }))
      .describe('accounts that the pool is not counted to have'),
  }),
  accounts: z.array(
    z.object({
      account: z.string(),
      state: z.enum(['ready', 'cooling', 'needs-login', 'paused', 'error']),
      isUsable: z.boolean(),
      windows: z.array(windowForecastSchema),
    }),
  ),
})

export const backtestQuerySchema = z.strictObject({
  days: z.coerce.number().int().min(1).max(28).default(7),
  account: z.string().optional(),
})

export const backtestSchema = z.object({
  from: time,
  to: time,
  everyHours: z.number().describe('a forecast was made that often'),
  windows: z.array(
    z.object({
      name: z.string(),
      horizons: z.array(
        z.object({
          horizon: z.enum(['1h', '3h', 'reset']),
          count: z.number().describe('forecasts that could be compared'),
          error: fraction.describe('mean absolute error of the middle of the range'),
          naiveError: fraction.describe('the same of going on at the slope of the last hour'),
          withinRange: fraction.describe('how many actual values were in the range that is to hold 0.8'),
        }),
      ),
    }),
  ),
})
