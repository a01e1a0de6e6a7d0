/**
 * One simulated run: the requests of a trace, in their order, through the real routing, on
 * providers that behave as the trace says. Ends when nothing is under way any more, or as soon
 * as something that must hold does not.
 */
import { toAccountId } from '../core/account.ts'
import { pacesOf, presentSince } from '../core/forecast-pace.ts'
import { HOUR, later, MINUTE, type Millis } from '../core/time.ts'
import { createVirtualClock, type VirtualClock } from './clock.ts'
import { chanceOf } from './dice.ts'
import { createGateway, type SimulatedGateway } from './gateway.ts'
import type { Breach } from './invariants.ts'
import { createInvariants } from './invariants.ts'
import type { Journey, Watcher } from './journey.ts'
import { MACHINERY, type Machinery, type Scenario } from './scenario.ts'
import { createTally, type Tally } from './tally.ts'
import type { TraceRequest } from './trace.ts'
import { createTravel, type Travel } from './travel.ts'
import { createWorld, type World } from './world.ts'

export interface Outcome {
  readonly tally: Tally
  /** What did not hold; the run ended there. */
  readonly breach: Breach | undefined
}

export interface SimulateOptions {
  readonly machinery?: Machinery
  /** Checks after every step what must hold; takes a part of the time. */
  readonly isChecked?: boolean
  readonly watchers?: readonly Watcher[]
}

export async function simulate(scenario: Scenario, options: SimulateOptions = {}): Promise<Outcome> {
  const { machinery = MACHINERY, isChecked = false } = options
  const { trace, seed } = scenario
  const clock = createVirtualClock(trace.startsAt, (now) => chanceOf(seed, now))
  const world = createWorld(trace)
  const gateway = createGateway(scenario, machinery, clock)
  const { tally, watcher } = createTally(gateway.bindings)
  const invariants = isChecked ? createInvariants(scenario, { world, gateway }) : undefined
  const watchers = [watcher, ...(invariants === undefined ? [] : [invariants]), ...(options.watchers ?? [])]
  const accounts = new Map(trace.accounts.map((account) => [account.name, account]))
  const travel = createTravel({ gateway, machinery, world, accounts, watchers })
  planArrivals(scenario, travel, clock)
  planUpkeep(scenario, { gateway, world, watchers })
  while (invariants?.breach === undefined && clock.step()) {
    if (travel.standing > 0) await settled(travel)
  }
  if (invariants?.breach === undefined) for (const each of watchers) each.finished?.(clock.now())
  return { tally, breach: invariants?.breach }
}

/** Whoever has left the line goes on before anything else happens. */
async function settled(travel: Travel): Promise<void> {
  let standing: number
  do {
    standing = travel.standing
    await undefined
  } while (travel.standing !== standing)
}

/** One arrival plans the next: the heap stays small. */
function planArrivals({ trace, pool }: Scenario, travel: Travel, clock: VirtualClock): void {
  const { requests } = trace
  const plan = (number: number): void => {
    const request = requests[number]
    if (request === undefined) return
    clock.at(request.at, () => {
      plan(number + 1)
      const journey = toJourney(request, number, pool)
      if (request.leavesAfterMs !== undefined)
        clock.at(later(request.at, request.leavesAfterMs), () => travel.leave(journey))
      travel.begin(journey)
    })
  }
  plan(0)
}

/** What an answer is expected to use beside the prompt, as in `proxy/wants.ts`. */
const ANSWER_TOKENS = 1_000

const toJourney = (request: TraceRequest, number: number, pool: Scenario['pool']): Journey => ({
  number,
  request,
  facts: {
    model: request.model,
    wanted: request.model,
    class: request.class,
    tokens: request.promptTokens + ANSWER_TOKENS,
    excluded: [],
    groups: undefined,
    holdUntil: request.holdMs === undefined ? undefined : later(request.at, request.holdMs),
    conversation: request.conversation,
    clientRetries: 0,
    owner: undefined,
    pool,
    strategy: undefined,
  },
  startedAt: request.at,
  failed: [],
  leaving: request.leavesAfterMs === undefined ? undefined : new AbortController(),
  waitedMs: 0,
  isUrgent: false,
  isOver: false,
  done: undefined,
})

/** A minute in the gateway; five are enough for a run of days. */
const PACE_MS = 5 * MINUTE

interface Upkeep {
  readonly gateway: SimulatedGateway
  readonly world: World
  readonly watchers: readonly Watcher[]
}

/** What the keeper does beside the traffic: asks how windows stand, tells routing the pace. */
function planUpkeep({ trace, pollMs, strategy }: Scenario, { gateway, world, watchers }: Upkeep): void {
  const { clock, pool } = gateway
  const every = (ms: number, work: (now: Millis) => void): void => {
    const next = later(clock.now(), ms)
    if (next > trace.endsAt) return
    clock.at(next, () => {
      work(clock.now())
      every(ms, work)
    })
  }
  const metered = trace.accounts.filter(({ windows }) => windows.length > 0)
  if (pollMs > 0 && metered.length > 0) {
    every(pollMs, (now) => {
      for (const account of metered) {
        const isAway = account.faults.some(
          ({ kind, from, until }) => kind === 'down' && from <= now && now < until,
        )
        if (isAway) continue
        const windows = world.readings(account.name, now)
        for (const watcher of watchers) watcher.polled?.(account, windows, now)
        pool.polled(toAccountId(account.name), windows)
      }
    })
  }
  if (strategy === 'headroom') every(PACE_MS, (now) => tellPaces(gateway, now))
}

function tellPaces({ readings, pool }: SimulatedGateway, now: Millis): void {
  const since = presentSince(now)
  if ((readings[0]?.at ?? now) < later(since, -HOUR))
    readings.splice(
      0,
      readings.findIndex(({ at }) => at >= since),
    )
  for (const { account } of pool.views()) {
    pool.paced(
      account.id,
      pacesOf(
        readings.filter((each) => each.account === account.id),
        now,
      ),
    )
  }
}
