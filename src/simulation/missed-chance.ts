/**
 * "No request is refused while an account could have served it": looks, at the moment of a
 * refusal, for an account that the operator allows, that the world says would have answered,
 * and of which nothing was known that spoke against it. Must not ask the code that refused.
 */
import { tierOf } from '../core/rules.ts'
import type { Situation } from '../core/situation.ts'
import { SECOND } from '../core/time.ts'
import { allowedModels } from './allowed-models.ts'
import { type Dossier, standing } from './evidence.ts'
import type { SimulatedGateway } from './gateway.ts'
import type { Journey } from './journey.ts'
import type { Scenario } from './scenario.ts'
import type { TraceAccount } from './trace.ts'
import type { World } from './world.ts'

interface Facts {
  readonly scenario: Scenario
  readonly world: World
  readonly gateway: SimulatedGateway
  readonly dossiers: ReadonlyMap<string, Dossier>
  readonly origins: ReadonlyMap<string, Dossier>
}

/** A sentence about the account that would have served it. */
export function missedChance(journey: Journey, situation: Situation, facts: Facts): string | undefined {
  if (isToEnd(journey, situation)) return undefined
  for (const account of facts.scenario.trace.accounts) {
    const model = modelThatWorks(account, journey, facts)
    if (model === undefined || !isOpenTo(account, situation, facts)) continue
    if (isDoubted(account, { model, journey, situation, facts })) continue
    return `It was refused, but ${account.name} would have answered it, and nothing that was known spoke against it.`
  }
  return undefined
}

/** Two refusals without a word about limits mean the request; and every request's time is limited. */
function isToEnd({ failed }: Journey, { now, startedAt, waitedMs, policy }: Situation): boolean {
  const refused = failed.filter(({ failure }) => failure.cause === 'request-refused').length
  return refused > 1 || now - startedAt - waitedMs > policy.patienceMs
}

function modelThatWorks(
  account: TraceAccount,
  { request }: Journey,
  { world, gateway }: Facts,
): string | undefined {
  const now = gateway.clock.now()
  return allowedModels(account, request.model).find((model) =>
    world.wouldServe({ account: account.name, request, model, now }),
  )
}

/** Whether the operator's rules let this request there now. */
function isOpenTo(
  account: TraceAccount,
  { request, reserves }: Situation,
  { scenario, dossiers, gateway, world }: Facts,
): boolean {
  const { pool } = scenario
  if (pool !== undefined && tierOf(account, pool, gateway.spending.ofGroup) === undefined) return false
  if ((dossiers.get(account.name)?.inFlight ?? 0) >= (account.maxConcurrent ?? Number.POSITIVE_INFINITY))
    return false
  const readings = world.readings(account.name, gateway.clock.now())
  // What a request is expected to take is an estimate, and a rough one: near a reserve both is right.
  return !reserves.some(
    ({ class: kept, window, share }) =>
      kept !== request.class &&
      readings.some(
        ({ name, utilization = 0 }) => name === window && utilization >= 1 - share - RESERVE_SLACK,
      ),
  )
}

const RESERVE_SLACK = 0.5

interface Doubt {
  readonly model: string
  readonly journey: Journey
  readonly situation: Situation
  readonly facts: Facts
}

/** As long as a circuit stays open at most, and as a fault makes an attempt count against the budget. */
const LONGEST_OPEN_MS = 30 * SECOND
const SUSPICION_MS = 10 * SECOND
const ORIGIN_FACTOR = 2

function isDoubted(account: TraceAccount, { model, journey, situation, facts }: Doubt): boolean {
  const { now, policy, retriesLeft } = situation
  const dossier = facts.dossiers.get(account.name)
  const origin = facts.origins.get(account.origin ?? account.name)
  if (dossier === undefined) return true
  if (standing(dossier, model, now) !== undefined) return true
  const since = (each: Dossier) => now - (each.lastFaultAt ?? Number.NEGATIVE_INFINITY)
  if (dossier.faults >= policy.circuitFaults && since(dossier) <= LONGEST_OPEN_MS) return true
  if (
    origin !== undefined &&
    origin.faults >= policy.circuitFaults * ORIGIN_FACTOR &&
    since(origin) <= LONGEST_OPEN_MS
  )
    return true
  if (retriesLeft <= 0 && since(dossier) < SUSPICION_MS) return true
  // What it has said of this very request; a limit that has ended since says nothing any more.
  return journey.failed.some(
    ({ account: failed, failure: { until } }) =>
      failed === account.name && !(until !== undefined && until <= now),
  )
}
