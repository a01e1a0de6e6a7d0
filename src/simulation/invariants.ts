/**
 * What must hold in every run, after every step: the guarantees of design.md that routing can
 * break. Each has a name and says in a sentence what was seen. Must not use the code that it
 * checks to judge it.
 */
import { type Cause, type Failure, isConnectFault, isEndpointFault } from '../core/failure.ts'
import { describeLength, type Millis, SECOND, toIso } from '../core/time.ts'
import { allowedModels } from './allowed-models.ts'
import {
  type Dossier,
  isTest,
  keyOf,
  NEEDS_PROOF,
  newDossier,
  overcome,
  reopen,
  standing,
  toEvidence,
} from './evidence.ts'
import type { SimulatedGateway } from './gateway.ts'
import type { Attempt, Journey, Watcher } from './journey.ts'
import { missedChance } from './missed-chance.ts'
import type { Scenario } from './scenario.ts'
import type { TraceAccount } from './trace.ts'
import type { World } from './world.ts'

export type InvariantName =
  | 'G2 one answer'
  | 'G7 fair blame'
  | 'G8 cooldowns expire'
  | 'G8 one test at a time'
  | 'G8 cooling accounts rest'
  | 'G11 no silent substitution'
  | 'no chance is missed'
  | 'waits end'

export interface Breach {
  readonly invariant: InvariantName
  readonly sentence: string
  readonly at: Millis
  /** Its request's place in the trace. */
  readonly request: number
}

export interface Invariants extends Watcher {
  readonly breach: Breach | undefined
}

interface Court {
  readonly scenario: Scenario
  readonly world: World
  readonly gateway: SimulatedGateway
  readonly dossiers: ReadonlyMap<string, Dossier>
  /** By origin: faults of all its accounts since any of them answered. */
  readonly origins: Map<string, Dossier>
  readonly answers: Map<number, number>
  readonly open: Map<number, Journey>
  breach: Breach | undefined
}

export function createInvariants(
  scenario: Scenario,
  { world, gateway }: Pick<Court, 'world' | 'gateway'>,
): Invariants {
  const dossiers = new Map(scenario.trace.accounts.map(({ name }) => [name, newDossier()]))
  const court: Court = {
    scenario,
    world,
    gateway,
    dossiers,
    origins: new Map(),
    answers: new Map(),
    open: new Map(),
    breach: undefined,
  }
  return {
    get breach() {
      return court.breach
    },
    stepped(journey, situation, step) {
      court.open.set(journey.number, journey)
      if (step.kind === 'send') checkModel(court, journey, step.account.name, step.model)
      if (step.kind === 'wait') checkWait(court, journey)
      if (step.kind === 'give-up') {
        const sentence = missedChance(journey, situation, court)
        if (sentence !== undefined) report(court, journey, 'no chance is missed', sentence)
      }
    },
    ...attempts(court),
    ended(journey) {
      if (!court.open.delete(journey.number))
        report(court, journey, 'G2 one answer', 'The request ended twice.')
      court.answers.delete(journey.number)
    },
    polled: ({ name }, windows, now) => reopen(dossierOf(court, name), windows, now),
    finished() {
      const [left] = court.open.values()
      if (left !== undefined) report(court, left, 'G2 one answer', 'The request never came to an end.')
    },
  }
}

function attempts(
  court: Court,
): Pick<Watcher, 'sent' | 'returned' | 'failed' | 'othersSucceeded' | 'took' | 'noted'> {
  return {
    sent: (journey, attempt, now) => begun(court, journey, attempt, now),
    returned({ number }, { account }) {
      const dossier = dossierOf(court, account.name)
      dossier.inFlight--
      dossier.tests.delete(number)
    },
    failed(journey, { account, failure }, now) {
      const dossier = dossierOf(court, account.name)
      dossier.tests.clear()
      if (isEndpointFault(failure.cause)) {
        countFault(dossier, failure, journey, now)
        if (failure.cause !== 'overloaded') countFault(originOf(court, account), failure, journey, now)
      }
      if (!NEEDS_PROOF.has(failure.cause)) convict(dossier, failure, journey, now)
    },
    othersSucceeded(journey, failed, now) {
      const dossier = dossierOf(court, failed.account)
      if (NEEDS_PROOF.has(failed.failure.cause)) convict(dossier, failed.failure, journey, now)
      dossier.tests.clear()
      // That another account has served it proves that the request was not to blame.
      if (isEndpointFault(failed.failure.cause)) dossier.faults++
    },
    took(journey, { account, model }, now) {
      const dossier = dossierOf(court, account.name)
      dossier.tests.clear()
      overcome(dossier, model, now)
      for (const each of [dossier, originOf(court, account)]) {
        each.faults = 0
        each.lastFaultAt = undefined
        each.faultConversation = undefined
      }
      const answers = (court.answers.get(journey.number) ?? 0) + 1
      court.answers.set(journey.number, answers)
      if (answers > 1)
        report(court, journey, 'G2 one answer', 'A second answer began after the first one had.')
    },
    noted: (journey) => checkBlame(court, journey),
  }
}

function report(court: Court, { number }: Journey, invariant: InvariantName, sentence: string): void {
  court.breach ??= { invariant, sentence, at: court.gateway.clock.now(), request: number }
}

function dossierOf({ dossiers }: Court, name: string): Dossier {
  const found = dossiers.get(name)
  if (found === undefined) throw new Error(`There is no account ${name} in the trace.`)
  return found
}

function originOf({ origins }: Court, { name, origin = name }: TraceAccount): Dossier {
  const known = origins.get(origin) ?? newDossier()
  origins.set(origin, known)
  return known
}

/** Poison is the request's, whatever words it comes in; a refused connection and a refused credential are not. */
function convict(dossier: Dossier, failure: Failure, { request }: Journey, now: Millis): void {
  if (request.isPoisonous === true && !ACCOUNTS_OWN.has(failure.cause)) return
  const evidence = toEvidence(failure, now)
  if (evidence !== undefined) dossier.evidence.set(keyOf(evidence.scope), evidence)
}

const ACCOUNTS_OWN: ReadonlySet<Cause> = new Set(['unauthorized'])

function countFault(dossier: Dossier, { cause }: Failure, { facts }: Journey, now: Millis): void {
  const isSame = facts.conversation === dossier.faultConversation && !isConnectFault(cause)
  if (!isSame) dossier.faults++
  dossier.faultConversation = facts.conversation
  dossier.lastFaultAt = now
}

/** One that has been out for so long is no obstacle to the next (a test may hang). */
const TEST_MS = SECOND

function begun(court: Court, journey: Journey, { account, model }: Attempt, now: Millis): void {
  const { name } = account
  const dossier = dossierOf(court, name)
  dossier.inFlight++
  if (court.answers.has(journey.number))
    report(
      court,
      journey,
      'G2 one answer',
      `It was sent to ${name} after its client had begun to get an answer.`,
    )
  const resting = standing(dossier, model, now)
  if (resting !== undefined) {
    const words = `${resting.cause} until ${toIso(resting.until)}`
    report(court, journey, 'G8 cooling accounts rest', `It was sent to ${name}, which is cooling (${words}).`)
  }
  if (!isTest(dossier, model, now)) return
  const last = Math.max(...dossier.tests.values())
  if (now - last < TEST_MS) {
    const words = `a test that set out ${now - last} ms before is still under way`
    report(
      court,
      journey,
      'G8 one test at a time',
      `It was sent to test ${name} after a cooldown, while ${words}.`,
    )
  }
  dossier.tests.set(journey.number, now)
}

/** Every cooldown has evidence of its own account's, and ends with it. */
function checkBlame(court: Court, journey: Journey): void {
  for (const { account, health } of court.gateway.pool.views()) {
    const { name } = account
    const dossier = dossierOf(court, name)
    if (health.login !== undefined)
      report(court, journey, 'G7 fair blame', `${name} needs a sign-in without a reason.`)
    for (const { scope, cause, until } of health.cooldowns) {
      const evidence = dossier.evidence.get(keyOf(scope))
      if (evidence === undefined || evidence.cause !== cause) {
        const sentence = `${name} is benched (${keyOf(scope)}, ${cause}), but no answer of its own says so.`
        report(court, journey, 'G7 fair blame', sentence)
      } else if (until > evidence.until) {
        const longer = describeLength(until - evidence.until)
        const sentence = `${name} is benched until ${toIso(until)}, ${longer} longer than its evidence says.`
        report(court, journey, 'G8 cooldowns expire', sentence)
      }
    }
    if (health.faults.inARow > dossier.faults) {
      const sentence = `${health.faults.inARow} faults are counted against ${name}; ${dossier.faults} are its own.`
      report(court, journey, 'G7 fair blame', sentence)
    }
  }
}

function checkModel(court: Court, journey: Journey, name: string, model: string | undefined): void {
  const account = court.scenario.trace.accounts.find((each) => each.name === name)
  const { wanted } = journey.facts
  if (account === undefined || wanted === undefined) return
  const allowed = allowedModels(account, wanted)
  if (model !== undefined && allowed.includes(model)) return
  const sentence = `${name} was asked for ${model ?? 'no model'} in the place of ${wanted}; no rule of the operator says so.`
  report(court, journey, 'G11 no silent substitution', sentence)
}

const PROBE_PATIENCE_MS = 10 * SECOND
const SLACK_MS = 5 * SECOND

function checkWait(court: Court, journey: Journey): void {
  const { queueMs, throttleWaitMs } = court.scenario.policy
  const longest = queueMs + throttleWaitMs + PROBE_PATIENCE_MS + (journey.request.holdMs ?? 0) + SLACK_MS
  if (journey.waitedMs <= longest) return
  const words = `${describeLength(journey.waitedMs)}, longer than the ${describeLength(longest)} that it may`
  report(court, journey, 'waits end', `It has waited for ${words}.`)
}
