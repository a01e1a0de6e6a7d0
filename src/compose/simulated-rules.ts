/** What simulated runs are configured with: the settings in force, the defaults for the rest. */
import { DEFAULT_POOL } from '../core/rules.ts'
import { readPools, readReserves } from '../core/rules-input.ts'
import { SETTINGS } from '../settings.ts'
import type { Scenario } from '../simulation/scenario.ts'

export type SimulatedRules = Pick<Scenario, 'policy' | 'sessionMs' | 'pollMs' | 'pool' | 'reserves'>

/** Settings by their names; what is absent is as if nobody had set it. */
type Values = ReadonlyMap<string, unknown>

export function toSimulatedRules(values: Values): SimulatedRules {
  const pool = readPools(settingIn(values, 'pools')).get(DEFAULT_POOL)
  return {
    policy: {
      attemptsPerAccount: settingIn(values, 'retryAttempts'),
      delayMs: settingIn(values, 'retryDelayMs'),
      backoff: settingIn(values, 'retryBackoff'),
      patienceMs: settingIn(values, 'patienceMs'),
      queueMs: settingIn(values, 'queueMs'),
      throttleWaitMs: settingIn(values, 'throttleWaitMs'),
      circuitFaults: settingIn(values, 'circuitFaults'),
      waitUsdPerSecond: settingIn(values, 'waitUsdPerSecond'),
    },
    sessionMs: settingIn(values, 'sessionDurationMs'),
    pollMs: settingIn(values, 'usagePollMs'),
    reserves: readReserves(settingIn(values, 'reserves')),
    ...(pool === undefined ? {} : { pool }),
  }
}

type Known = typeof SETTINGS

const settingIn = <Name extends keyof Known>(values: Values, name: Name): Known[Name]['initial'] =>
  values.has(name) ? SETTINGS[name].parse(values.get(name)) : SETTINGS[name].initial
