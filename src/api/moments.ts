/** Moments as people write them in queries: a time, or how long ago. */
import { GatewayError } from '../core/error.ts'
import { later, type Millis, readDate } from '../core/time.ts'

const LENGTHS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A moment, or how long ago: "2026-11-20T12:00:00Z", "15m", "24h", "7d". */
export function readMoment(path: string, text: string, now: Millis): Millis {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const lengthMs = LENGTHS[unit]
  if (count !== undefined && lengthMs !== undefined) return later(now, -Number(count) * lengthMs)
  const at = readDate(text)
  if (at !== undefined) return at
  const message = `"${text}" is neither a time in ISO 8601 nor a length such as 15m, 24h or 7d.`
  throw new GatewayError('bad-request', message, { details: [{ path, message }] })
}
