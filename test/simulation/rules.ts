/** What simulated pools are configured with: the settings' defaults, but for longer waits in place, which are tried too. */
import { toSimulatedRules } from '../../src/compose/simulated-rules.ts'
import type { Rules } from '../../src/simulation/generate.ts'

const { policy, sessionMs, pollMs } = toSimulatedRules(new Map())

export const RULES: Rules = { policy: { ...policy, throttleWaitMs: 2_000 }, sessionMs, pollMs }
