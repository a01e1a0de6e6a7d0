/** The handlers about the gateway itself: health and system. */
import { PRICES_AS_OF } from '../../core/prices.ts'
import { stateOf } from '../../core/state.ts'
import { toIso } from '../../core/time.ts'
import type { Answer } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'

export function systemHandlers(services: Services): Pick<Handlers, 'health' | 'system'> {
  const { system } = services
  return {
    health: async () => health(services),
    system: async () => ({
      version: system.version,
      runtime: system.runtime,
      pid: system.pid,
      startedAt: toIso(system.startedAt),
      dataDirectory: system.dataDirectory,
      database: { ...system.database },
      memoryBytes: system.memoryBytes(),
      pricesAsOf: PRICES_AS_OF,
      ...certificateOf(system),
    }),
  }
}

function certificateOf({ certificate }: Services['system']): Pick<Answer<'system'>, 'certificate'> {
  if (certificate === undefined) return {}
  const { subject, serialNumber, expiresAt } = certificate()
  return { certificate: { subject, serialNumber, expiresAt: toIso(expiresAt) } }
}

/** `degraded`: traffic goes on, but somebody should look. `unhealthy`: what is booked is being lost. Without any account there is nothing wrong yet. */
function health({ accounts, live, clock, ledgerStatus, system, ...services }: Services): Answer<'health'> {
  const now = clock.now()
  const all = accounts.all()
  const ready = all.filter(
    (account) => stateOf(account, live.of(account.id).health, now).kind === 'ready',
  ).length
  const { waiting, lost, problem } = ledgerStatus()
  const problems = [
    ...(problem === undefined ? [] : [problem]),
    ...(lost > 0 ? [`${lost} ledger rows could be stored nowhere.`] : []),
    ...services.problems(),
    ...(all.length > 0 && ready === 0 ? ['No account is ready.'] : []),
    ...services.alerts.problems(),
  ]
  return {
    status: lost > 0 && problem !== undefined ? 'unhealthy' : statusOf(problems),
    problems,
    version: system.version,
    uptimeSeconds: Math.round((now - system.startedAt) / 1_000),
    accounts: { total: all.length, ready },
    ledger: { waiting, lost },
  }
}

const statusOf = (problems: readonly string[]): 'ok' | 'degraded' =>
  problems.length === 0 ? 'ok' : 'degraded'
