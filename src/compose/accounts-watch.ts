/** What operators see of the accounts beside the API: lines in the log, and gauges. */
import type { Account } from '../core/account.ts'
import type { AccountEvent } from '../core/event.ts'
import { asOf } from '../core/limits.ts'
import type { Log } from '../core/ports/log.ts'
import { stateOf } from '../core/state.ts'
import { SECOND, toIso } from '../core/time.ts'
import { systemClock as clock } from '../platform/clock.ts'
import type { Pool } from '../proxy/pool.ts'
import type { Gauges } from '../telemetry/metrics.ts'

const WHOLE = 'account'

/** One line when something is held against an account, one when it is usable again. */
export function logEvent(
  log: Log,
  { name }: Account,
  { kind, scope = WHOLE, evidence = '', cause, until }: AccountEvent,
): void {
  const what = scope === WHOLE ? `Account ${name}` : `Account ${name}, for the ${scope.replace(':', ' ')},`
  const fields = { account: name, cause, ...(until === undefined ? {} : { until: toIso(until) }) }
  switch (kind) {
    case 'cooling':
      return log.warn(`${what} is set aside: ${evidence}.`, fields)
    case 'recovered':
    case 'cleared':
      return log.info(`${what} is usable again.`, fields)
    case 'reopened':
      return log.info(
        `Account ${name} has its window open again before its time; the next request tests it.`,
        fields,
      )
    case 'new-credential':
      return log.info(`Account ${name} has a new credential.`, fields)
    case 'needs-login':
    case 'paused':
    case 'resumed':
      return log.debug(`Account ${name}: ${kind}. ${evidence}`, fields)
  }
}

export const accountGauges = (pool: Pool): Pick<Gauges, 'accounts' | 'windows' | 'tokens'> => ({
  accounts: () =>
    pool
      .views()
      .map(({ account, health }) => [
        [account.name],
        stateOf(account, health, clock.now()).kind === 'ready' ? 1 : 0,
      ]),
  windows: () =>
    pool.views().flatMap(({ account }) =>
      pool.windowsOf(account.id).flatMap((window) => {
        const { name, utilization } = asOf(window, clock.now())
        return utilization === undefined ? [] : [[[account.name, name], utilization] as const]
      }),
    ),
  tokens: () =>
    pool
      .views()
      .flatMap(({ account: { name, tokenExpiresAt } }) =>
        tokenExpiresAt === undefined
          ? []
          : [[[name], Math.round((tokenExpiresAt - clock.now()) / SECOND)] as const],
      ),
})
