/** What the request path takes from the configuration; read anew for each request. Types only. */
import type { KeyPolicy, RunawayPolicy } from '../core/access.ts'
import type { BrakePolicy } from '../core/brake.ts'
import type { PayloadRule } from '../core/payload.ts'
import type { Endpoint } from '../core/ports/upstream.ts'
import type { RoutingRules } from '../core/rules.ts'
import type { RetryPolicy } from '../core/situation.ts'
import type { StrategyName } from '../core/strategies.ts'

export interface ProxySettings {
  readonly strategy: StrategyName
  readonly sessionMs: number
  readonly retry: RetryPolicy
  readonly rules: RoutingRules
  /** How long a side endpoint's answer is waited for before another account is asked too; 0: for ever. */
  readonly hedgeMs: number
  readonly runaway: RunawayPolicy
  readonly brake: BrakePolicy
  readonly keyPolicy: KeyPolicy
  readonly isLoopback: boolean
  /** Whether the gateway itself serves HTTPS. */
  readonly isSecure: boolean
  /** How clients reach the gateway, without a slash at its end; empty: as their Host says. */
  readonly publicUrl: string
  readonly maxBodyBytes: number
  readonly times: TimeLimits
  /** Whose limits clients are told: the pool's, those of the account that answered, or nobody's. */
  readonly limitHeaders: 'pool' | 'account' | 'strip'
  /** What is kept of bodies, where a request's key says nothing else; and at most how much of each. */
  readonly payloads: PayloadRule
  readonly payloadMaxBytes: number
  /** Where requests go while no account exists. */
  readonly fallback: Endpoint
}

/** Milliseconds each; 0 means without limit. */
export interface TimeLimits {
  readonly connectMs: number
  /** Until the head of a streamed answer. */
  readonly headersMs: number
  /** Until the first content of a streamed answer, counted from its head. */
  readonly contentMs: number
  /** Between two bytes of an answer. */
  readonly idleMs: number
  /** A whole answer that is not streamed. */
  readonly totalMs: number
  /** How long a stream's head is held for its first content before the client gets what there is. */
  readonly holdMs: number
}
