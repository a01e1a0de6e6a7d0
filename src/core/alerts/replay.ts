/**
 * What a rule would have said of a stretch of the past: the same evaluation as the live one,
 * every five minutes. A stretch at a time, so that whoever asks can let go in between.
 */
import { later, type Millis } from '../time.ts'
import { type AlertEvent, evaluate, type Memory } from './evaluate.ts'
import type { FactsAt } from './past.ts'
import type { AlertRule } from './rule.ts'
import { SLICE_MS } from './traffic.ts'

export interface Replayed {
  readonly events: readonly AlertEvent[]
  readonly memory: Memory
}

/** Looks at the moments in `[from, until)`; `from` is one at which a slice begins. */
export function replay(
  rule: AlertRule,
  factsAt: FactsAt,
  before: Memory,
  { from, until }: { readonly from: Millis; readonly until: Millis },
): Replayed {
  const listening = { ...rule, isEnabled: true, mutedUntil: undefined }
  const events: AlertEvent[] = []
  let memory = before
  for (let now = from; now < until; now = later(now, SLICE_MS)) {
    const step = evaluate([listening], factsAt(now), memory, now)
    events.push(...step.events)
    memory = step.memory
  }
  return { events, memory }
}

/** An alert that would have been. */
export interface WouldBe {
  readonly subject: string
  readonly firedAt: Millis
  /** Undefined: it still would be. */
  readonly resolvedAt: Millis | undefined
  readonly message: string
}

/** The newest first. */
export function wouldHaveBeen(events: readonly AlertEvent[]): readonly WouldBe[] {
  const found: WouldBe[] = []
  const open = new Map<string, number>()
  for (const event of events) {
    if (event.kind === 'fired') {
      const { subject, at: firedAt, message, isMoment } = event
      if (!isMoment) open.set(subject, found.length)
      found.push({ subject, firedAt, resolvedAt: isMoment ? firedAt : undefined, message })
    } else if (event.kind === 'resolved') {
      const place = open.get(event.subject)
      const alert = place === undefined ? undefined : found[place]
      open.delete(event.subject)
      if (place !== undefined && alert !== undefined) found[place] = { ...alert, resolvedAt: event.at }
    }
  }
  return found.toReversed()
}
