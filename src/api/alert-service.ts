/** What the handlers of alerts work with. Types only. */
import type { WouldBe } from '../core/alerts/replay.ts'
import type { AlertRule } from '../core/alerts/rule.ts'
import type { AlertStore, Delivery } from '../core/ports/alerts.ts'
import type { Millis } from '../core/time.ts'

export interface AlertsService {
  readonly store: AlertStore
  /** Tries a delivery once now, and remembers what came of it. */
  attempt(delivery: Delivery): Promise<Delivery>
  /** Channels that do not work, in sentences. */
  problems(): readonly string[]
  /** What a rule would have said of the last days. */
  preview(rule: AlertRule, days: number): Promise<AlertPreview>
  /** A secret that a webhook's receiver checks signatures with. */
  newSigningSecret(): string
}

export interface AlertPreview {
  readonly from: Millis
  readonly to: Millis
  /** The newest first. */
  readonly alerts: readonly WouldBe[]
}
