/**
 * A question about a request that has not come, and what is answered: the API asks it, the
 * proxy answers it with the decision that traffic gets. Types only.
 */
import type { DecisionRecord } from './ledger.ts'
import type { Millis } from './time.ts'

export interface RouteQuestion {
  readonly model: string
  readonly session?: string | undefined
  readonly agent?: string | undefined
  /** A key's name or id. */
  readonly key?: string | undefined
  readonly pool?: string | undefined
  readonly class?: string | undefined
  readonly exclude?: string | undefined
  /** What the request is expected to use. */
  readonly tokens?: number | undefined
}

export interface RouteAnswer {
  readonly outcome: 'send' | 'wait' | 'refuse'
  readonly account: string | undefined
  /** What that account would be asked for. */
  readonly model: string | undefined
  /** For `wait`. */
  readonly until: Millis | undefined
  /** For `refuse`: what the client would be answered. */
  readonly status: number | undefined
  readonly decision: DecisionRecord
}
