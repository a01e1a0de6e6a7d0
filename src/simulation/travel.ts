/**
 * Takes requests through the gateway as `proxy/serve.ts` does, step by step, without bytes:
 * asks for the next step, waits in line, sends, tells the pool what came of it. One moment
 * after the other; what takes time is an event of the clock. Must not decide.
 */
import { type AccountId, toAccountId } from '../core/account.ts'
import { costOf } from '../core/cost.ts'
import { refusalOf } from '../core/refusal.ts'
import type { Step } from '../core/route.ts'
import type { Situation } from '../core/situation.ts'
import { later, type Millis } from '../core/time.ts'
import { bind, noteUsage } from '../proxy/bind.ts'
import type { Leaving } from '../proxy/line.ts'
import { situationOf } from '../proxy/situation.ts'
import type { SimulatedGateway } from './gateway.ts'
import type { Attempt, Ending, Journey, SendStep, WaitStep, Watcher } from './journey.ts'
import type { Machinery } from './scenario.ts'
import type { TraceAccount } from './trace.ts'
import type { Reply, World } from './world.ts'

export interface Travel {
  /** The request arrives now. */
  begin(journey: Journey): void
  /** Its client leaves now, if it is still there. */
  leave(journey: Journey): void
  /** How many waits have not been heard of since they ended. */
  readonly standing: number
}

export interface TravelOptions {
  readonly gateway: SimulatedGateway
  readonly machinery: Machinery
  readonly world: World
  readonly accounts: ReadonlyMap<string, TraceAccount>
  readonly watchers: readonly Watcher[]
}

/** As in `proxy/stand.ts`. */
const LEAST_WAIT_MS = 25
const NEVER = new AbortController().signal

export function createTravel(options: TravelOptions): Travel {
  const trip: Trip = { ...options, standing: 0 }
  return {
    begin(journey) {
      trip.gateway.budget.request()
      act(trip, journey, choose(trip, journey))
    },
    leave(journey) {
      if (journey.isOver) return
      end(trip, journey, { kind: 'left' })
      journey.leaving?.abort()
      journey.done?.()
    },
    get standing() {
      return trip.standing
    },
  }
}

interface Trip extends TravelOptions {
  standing: number
}

interface Chosen {
  readonly step: Step
  /** Whether the place on the account has been taken in the same breath. */
  readonly hasPlace: boolean
}

function situate({ gateway }: Trip, journey: Journey): Situation {
  const { failed, startedAt, waitedMs, isUrgent } = journey
  return situationOf(journey.facts, { failed, startedAt, waitedMs, isUrgent }, gateway)
}

function choose(trip: Trip, journey: Journey): Chosen {
  const situation = situate(trip, journey)
  const step = trip.machinery.nextStep(situation)
  for (const watcher of trip.watchers) watcher.stepped?.(journey, situation, step)
  const hasPlace = step.kind === 'send' && step.delayMs === 0
  if (hasPlace) takePlace(trip, journey, step)
  return { step, hasPlace }
}

function takePlace(trip: Trip, journey: Journey, step: SendStep): void {
  const { gateway, watchers } = trip
  const attempt = toAttempt(trip, step)
  const release = gateway.pool.begin(step.account.id, { model: step.model, tokens: journey.facts.tokens })
  journey.done = () => {
    journey.done = undefined
    for (const watcher of watchers) watcher.returned?.(journey, attempt, gateway.clock.now())
    release()
  }
  for (const watcher of watchers) watcher.sent?.(journey, attempt, gateway.clock.now())
}

function toAttempt({ accounts }: Trip, { account, model }: SendStep): Attempt {
  const found = accounts.get(account.name)
  if (found === undefined)
    throw new Error(`A request was sent to ${account.name}, which is not in the trace.`)
  return { account: found, model: model ?? '' }
}

function act(trip: Trip, journey: Journey, { step, hasPlace }: Chosen): void {
  const { clock, budget } = trip.gateway
  switch (step.kind) {
    case 'give-up':
      return end(trip, journey, { kind: 'refused', status: statusOf(step, journey), verdict: step.verdict })
    case 'wait':
      return stand(trip, journey, step)
    case 'send': {
      if (step.isRetry) budget.spend()
      if (hasPlace) return send(trip, journey, step)
      clock.at(later(clock.now(), step.delayMs), () => afterPause(trip, journey, step))
    }
  }
}

function statusOf({ verdict }: Extract<Step, { kind: 'give-up' }>, { failed }: Journey): number {
  return verdict.kind === 'own' ? verdict.status : (failed[verdict.attempt]?.status ?? 0)
}

function afterPause(trip: Trip, journey: Journey, step: SendStep): void {
  if (journey.isOver) return
  const view = trip.gateway.pool.views().find(({ account }) => account.id === step.account.id)
  const isFit = view !== undefined && refusalOf(view, situate(trip, journey)) === undefined
  if (!isFit) return act(trip, journey, choose(trip, journey))
  takePlace(trip, journey, step)
  send(trip, journey, step)
}

function stand(trip: Trip, journey: Journey, { until, cause }: WaitStep): void {
  const { clock, line } = trip.gateway
  const { facts, startedAt, number } = journey
  const standsSince = clock.now()
  const before = journey.waitedMs
  let chosen: Chosen | undefined
  const count = (): void => {
    journey.waitedMs = before + (clock.now() - standsSince)
  }
  const isDone = (): boolean => {
    count()
    const next = choose(trip, journey)
    if (next.step.kind !== 'wait') chosen = next
    return chosen !== undefined
  }
  trip.standing++
  const place = { class: facts.class, cause, since: startedAt, bytes: 0, model: facts.model, key: undefined }
  const leaves = line.stand({
    ...place,
    id: String(number),
    until: later(until, Math.max(0, LEAST_WAIT_MS - (until - clock.now()))),
    session: facts.conversation,
    signal: journey.leaving?.signal ?? NEVER,
    isDone,
  })
  void leaves.then((how: Leaving) => {
    trip.standing--
    if (journey.isOver || how === 'aborted') return
    count()
    journey.isUrgent ||= how === 'stopped' || how === 'full'
    act(trip, journey, chosen ?? choose(trip, journey))
  })
}

function send(trip: Trip, journey: Journey, step: SendStep): void {
  const { gateway, world } = trip
  const { clock } = gateway
  const attempt = toAttempt(trip, step)
  const now = clock.now()
  const reply = world.ask({
    account: attempt.account.name,
    request: journey.request,
    model: attempt.model,
    now,
  })
  const ms = reply.kind === 'answered' ? reply.headMs : reply.ms
  clock.at(later(now, ms), () => {
    if (!journey.isOver) heard(trip, journey, { attempt, step, reply, sentAt: now })
  })
}

interface Heard {
  readonly attempt: Attempt
  readonly step: SendStep
  readonly reply: Reply
  readonly sentAt: Millis
}

function heard(trip: Trip, journey: Journey, { attempt, step, reply, sentAt }: Heard): void {
  const { clock } = trip.gateway
  const { id } = step.account
  switch (reply.kind) {
    case 'failed':
      return failed(trip, journey, { id, attempt, reply })
    case 'refused':
      took(trip, journey, id, attempt)
      end(trip, journey, { kind: 'client-error', status: reply.status })
      return journey.done?.()
    case 'answered':
      took(trip, journey, id, attempt)
      learnLimits(trip, id, attempt)
      tellOthers(trip, journey, id)
      bind(jobOf(journey, attempt, reply), id, trip.gateway)
      clock.at(later(sentAt, reply.wholeMs), () => over(trip, journey, { id, attempt, reply, sentAt }))
  }
}

function learnLimits({ gateway, world }: Trip, id: AccountId, { account }: Attempt): void {
  if (account.windows.length === 0 && account.organization === undefined) return
  const windows = world.readings(account.name, gateway.clock.now())
  const { organization } = account
  gateway.pool.read(id, { windows, ...(organization === undefined ? {} : { organization }) })
}

interface Returned<Kind extends Reply['kind']> {
  readonly id: AccountId
  readonly attempt: Attempt
  readonly reply: Extract<Reply, { kind: Kind }>
}

function failed(trip: Trip, journey: Journey, { id, attempt, reply }: Returned<'failed'>): void {
  const { pool, clock } = trip.gateway
  const { failure, status, limits } = reply
  if (limits !== undefined) pool.read(id, limits)
  journey.failed.push({
    account: id,
    model: attempt.model,
    failure,
    status,
    isPresentable: status !== undefined,
    wasStaleConnection: false,
    isRenewed: false,
  })
  for (const watcher of trip.watchers) watcher.failed?.(journey, { ...attempt, failure }, clock.now())
  pool.failed(id, failure, journey.facts.conversation)
  for (const watcher of trip.watchers) watcher.noted?.(journey)
  journey.done?.()
  act(trip, journey, choose(trip, journey))
}

function took({ gateway, watchers }: Trip, journey: Journey, id: AccountId, attempt: Attempt): void {
  for (const watcher of watchers) watcher.took?.(journey, attempt, gateway.clock.now())
  gateway.pool.succeeded(id, attempt.model)
  for (const watcher of watchers) watcher.noted?.(journey)
}

function tellOthers({ gateway, watchers }: Trip, journey: Journey, id: AccountId): void {
  const { pool, clock } = gateway
  for (const each of journey.failed) {
    if (each.account === id) continue
    for (const watcher of watchers) watcher.othersSucceeded?.(journey, each, clock.now())
    pool.othersSucceeded(each.account, each.failure, journey.facts.conversation)
    for (const watcher of watchers) watcher.noted?.(journey)
  }
}

const MESSAGES = { kind: 'messages' } as const

const jobOf = (
  { facts, startedAt }: Journey,
  { account: { name } }: Attempt,
  { usage }: Extract<Reply, { kind: 'answered' }>,
): Parameters<typeof bind>[0] => ({
  facts,
  readyAt: startedAt,
  endpoint: MESSAGES,
  record: { account: { id: toAccountId(name), name, provider: 'simulated' }, usage },
})

/** The answer's last byte; one that broke off ends as well, unless the machinery would have it sent again. */
function over(
  trip: Trip,
  journey: Journey,
  { id, attempt, reply, sentAt }: Returned<'answered'> & Pick<Heard, 'sentAt'>,
): void {
  if (journey.isOver) return
  const { gateway, watchers, machinery } = trip
  const { usage, isTruncated } = reply
  const now = gateway.clock.now()
  const costUsd = costOf(attempt.model, usage, now)
  noteUsage(jobOf(journey, attempt, reply), costUsd, gateway)
  gateway.spending.spent(id, costUsd ?? 0)
  for (const watcher of watchers)
    watcher.answered?.(journey, { ...attempt, sentAt, usage, costUsd, isTruncated }, now)
  const isLast = machinery.isLast(reply)
  if (isLast) end(trip, journey, { kind: 'answered' })
  journey.done?.()
  if (!isLast) act(trip, journey, choose(trip, journey))
}

function end({ gateway, watchers }: Trip, journey: Journey, ending: Ending): void {
  journey.isOver = true
  for (const watcher of watchers) watcher.ended?.(journey, ending, gateway.clock.now())
}
