/** What simulated pools are configured with: the settings' defaults, but for longer waits in place, which are tried too. */
import { SETTINGS } from '../../src/settings.ts'
import type { Rules } from '../../src/simulation/generate.ts'

export const RULES: Rules = {
  policy: {
    attemptsPerAccount: SETTINGS.retryAttempts.initial,
    delayMs: SETTINGS.retryDelayMs.initial,
    backoff: SETTINGS.retryBackoff.initial,
    patienceMs: SETTINGS.patienceMs.initial,
    queueMs: SETTINGS.queueMs.initial,
    throttleWaitMs: 2_000,
    circuitFaults: SETTINGS.circuitFaults.initial,
    waitUsdPerSecond: SETTINGS.waitUsdPerSecond.initial,
  },
  sessionMs: SETTINGS.sessionDurationMs.initial,
  pollMs: SETTINGS.usagePollMs.initial,
}
