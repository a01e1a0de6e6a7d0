/**
 * What one simulated run needs: a trace, and what an operator would have configured. Also the
 * parts of the gateway that decide in it, so that a test can put a wrong one in the place of
 * the right one. Types and the right ones.
 */
import { nextStep } from '../core/route.ts'
import type { PoolRule, Reserve } from '../core/rules.ts'
import type { RetryPolicy } from '../core/situation.ts'
import type { StrategyName } from '../core/strategies.ts'
import { createPool } from '../proxy/pool.ts'
import type { Trace } from './trace.ts'
import type { Reply } from './world.ts'

export interface Scenario {
  readonly trace: Trace
  readonly strategy: StrategyName
  readonly policy: RetryPolicy
  readonly sessionMs: number
  /** The tiers that all requests go through; undefined: every account, as one. */
  readonly pool?: PoolRule
  readonly reserves?: readonly Reserve[]
  /** How often providers are asked how windows stand; 0: never. */
  readonly pollMs: number
  readonly seed: number
}

export interface Machinery {
  readonly nextStep: typeof nextStep
  readonly createPool: typeof createPool
  /** Whether nothing may be sent any more after this reply, because its client has seen some of it. */
  readonly isLast: (reply: Reply) => boolean
}

export const MACHINERY: Machinery = { nextStep, createPool, isLast: ({ kind }) => kind !== 'failed' }
