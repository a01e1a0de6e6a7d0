/**
 * Hands recorded answers to a provider's readers. What a case is not about is filled in:
 * noon, a model, inference.
 */
import type { Failure } from '../../src/core/failure.ts'
import type { Window } from '../../src/core/limits.ts'
import { later, type Millis, toMillis } from '../../src/core/time.ts'
import type { Provider, UsageReading } from '../../src/providers/provider.ts'
import { providerOf } from '../../src/providers/registry.ts'

export const NOON = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const MODEL = 'some-model'
export const ACCOUNT = { kind: 'account' } as const
export const REQUEST = { kind: 'request' } as const
export const OF_MODEL = { kind: 'model', model: MODEL } as const

export interface Recorded {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Objects are written as JSON. */
  readonly body?: unknown
  readonly isSide?: boolean
  readonly host?: string
}

export const afterNoon = (byMs: number): Millis => later(NOON, byMs)

export const at = (iso: string): Millis => toMillis(Date.parse(iso))

export function provider(id: string): Provider {
  const found = providerOf(id)
  if (found === undefined) throw new Error(`There is no provider ${id}.`)
  return found
}

export const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))

export const failureOf = (id: string, { status = 429, headers = {}, body = '', isSide }: Recorded) =>
  provider(id).readFailure({
    status,
    headers: Object.entries(headers),
    body: textOf(body),
    model: MODEL,
    isSide: isSide ?? false,
    now: NOON,
  }) satisfies Failure | undefined

export function usageOf(id: string, { status = 200, headers = {}, body = '', host }: Recorded): UsageReading {
  const usage = provider(id).usage
  if (usage === undefined) throw new Error(`${id} tells no usage.`)
  const where = host === undefined ? {} : { host }
  return usage.read({ status, headers: Object.entries(headers), body: textOf(body), now: NOON, ...where })
}

/** The windows of an answer that is understood. */
export function windowsOf(id: string, recorded: Recorded): readonly Window[] {
  const reading = usageOf(id, recorded)
  if (reading.kind !== 'windows') throw new Error(`${id}: ${reading.kind}, ${reading.evidence}`)
  return reading.windows
}

export const hiddenStatusOf = (id: string, body: unknown): number | undefined =>
  provider(id).readHiddenError?.(textOf(body))
