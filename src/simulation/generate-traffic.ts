/**
 * Random traffic of people who work with coding agents: more by day than by night,
 * conversations that grow turn by turn, agents that work beside them under the same session,
 * fan-outs of many requests at once, background work by night. Everything from one seed.
 */
import { familyOf } from '../core/model.ts'
import { CACHE_LIFE_MS, LONG_CACHE_LIFE_MS } from '../core/session.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import type { Dice } from './dice.ts'
import type { Span } from './generate-pool.ts'
import type { Poison, TraceRequest } from './trace.ts'

export interface TrafficWish extends Span {
  /** Conversations that begin in an hour of a working day. */
  readonly conversationsAnHour: number
  /** One request in so many is poisonous; 0: none. */
  readonly poisonousOneIn: number
  /** One client in so many leaves before its answer; 0: none. */
  readonly leavingOneIn: number
}

export function generateTraffic(dice: Dice, wish: TrafficWish): readonly TraceRequest[] {
  const requests: TraceRequest[] = []
  let number = 0
  const begin = (at: Millis, plan: Partial<Plan> = {}): void => {
    const model = dice.weighted(MODELS)
    writeConversation(
      dice,
      { name: `s${++number}`, at, model, class: 'interactive', ...plan },
      { wish, requests },
    )
  }
  for (let at = wish.startsAt as number; at < wish.endsAt; at += HOUR) {
    const hour = later(wish.startsAt, at - wish.startsAt)
    for (let left = wish.conversationsAnHour * livelinessOf(hour); dice.next() < left; left--)
      begin(later(hour, dice.next() * HOUR))
    if (dice.isOneIn(60)) for (let fan = dice.whole(3, 14); fan > 0; fan--) begin(hour, { turns: 1 })
    if (isNight(hour) && dice.isOneIn(8)) begin(hour, { class: 'background', turns: dice.whole(10, 60) })
  }
  return requests.sort((a, b) => a.at - b.at)
}

const MODELS = [
  ['claude-sonnet-5-5', 6],
  ['claude-opus-5-5', 3],
  ['claude-haiku-5-5', 1],
] as const

const hourOf = (at: Millis): number => (at % DAY) / HOUR
const isNight = (at: Millis): boolean => hourOf(at) < 5

/** A working day is 1, of which evenings have less and nights next to nothing. */
function livelinessOf(at: Millis): number {
  const hour = hourOf(at)
  // The epoch began on a Thursday.
  const isWeekend = [2, 3].includes(Math.floor(at / DAY) % 7)
  const ofDay = hour >= 8 && hour < 19 ? 1 : 0.4
  return (hour < 7 ? 0.05 : ofDay) * (isWeekend ? 0.4 : 1)
}

interface Plan {
  readonly name: string
  readonly at: Millis
  readonly model: string
  readonly class: TraceRequest['class']
  readonly turns?: number
  /** It was spawned by another conversation, and works without a person. */
  readonly isAgent?: boolean
}

interface Writing {
  readonly wish: TrafficWish
  readonly requests: TraceRequest[]
}

const COMPACTED_FROM = 180_000
const COMPACTED_TO = 20_000
/** Of a turn that is as large as most. */
const ANSWER_TOKENS = 700

function writeConversation(dice: Dice, plan: Plan, { wish, requests }: Writing): void {
  const { name, model, isAgent = false } = plan
  const turns = plan.turns ?? 1 + Math.floor(dice.exponential(isAgent ? 6 : 12))
  const cacheLifeMs = dice.isOneIn(4) ? LONG_CACHE_LIFE_MS : CACHE_LIFE_MS
  let at = plan.at
  let cached = 0
  let cachedAt: Millis | undefined
  let promptTokens = Math.round(dice.logBetween(4_000, isAgent ? 20_000 : 40_000))
  for (let turn = 0; turn < turns && at < wish.endsAt; turn++) {
    const isWarm = cachedAt !== undefined && at - cachedAt < cacheLifeMs
    const outputTokens = Math.round(ANSWER_TOKENS * dice.logBetween(0.1, 8))
    const durationMs = Math.round(1_000 + outputTokens * dice.between(10, 25))
    const cachedTokens = isWarm ? cached : 0
    const common = { at, conversation: name, model, class: plan.class, cacheLifeMs }
    requests.push({
      ...common,
      promptTokens,
      cachedTokens,
      outputTokens,
      durationMs,
      ...oddity(dice, plan, wish),
    })
    if (!isAgent && dice.isOneIn(40)) spawn(dice, plan, { at, turn }, { wish, requests })
    cached = promptTokens
    cachedAt = at
    promptTokens += Math.round(outputTokens + dice.logBetween(200, 12_000))
    if (promptTokens > COMPACTED_FROM) {
      promptTokens = COMPACTED_TO
      cached = 0
    }
    at = later(at, durationMs + pauseOf(dice, isAgent || plan.class === 'background'))
  }
}

/** Tools answer within seconds; people think, and now and then they leave their desk. */
function pauseOf(dice: Dice, isAlone: boolean): number {
  if (isAlone || !dice.isOneIn(3)) return dice.logBetween(200, 20 * SECOND)
  return dice.isOneIn(8) ? dice.logBetween(5 * MINUTE, 2 * HOUR) : dice.exponential(MINUTE)
}

/** Agents share the session and not the cache: conversations of their own. */
function spawn(
  dice: Dice,
  plan: Plan,
  { at, turn }: { readonly at: Millis; readonly turn: number },
  writing: Writing,
): void {
  for (let agent = dice.whole(1, 4); agent > 0; agent--) {
    const model = dice.isOneIn(2) ? 'claude-haiku-5-5' : plan.model
    writeConversation(
      dice,
      { ...plan, name: `${plan.name}/agent-${turn}-${agent}`, at, model, isAgent: true },
      writing,
    )
  }
}

const POISONS = [
  'bad-request',
  'server-error',
  'overloaded',
  'request-refused',
  'forbidden',
  'model-not-found',
] as const

function oddity(
  dice: Dice,
  { class: work, model }: Plan,
  { poisonousOneIn, leavingOneIn }: TrafficWish,
): Partial<TraceRequest> {
  const isPoisonous = poisonousOneIn > 0 && dice.isOneIn(poisonousOneIn)
  const isLeaving = leavingOneIn > 0 && dice.isOneIn(leavingOneIn)
  const poison: Poison =
    familyOf(model) === 'opus' ? dice.oneOf(POISONS) : dice.oneOf(['bad-request', 'server-error'])
  return {
    ...(isPoisonous ? { isPoisonous, poison } : {}),
    ...(isLeaving ? { leavesAfterMs: Math.round(dice.logBetween(100, 30 * SECOND)) } : {}),
    ...(work === 'background' && dice.isOneIn(4)
      ? { holdMs: Math.round(dice.logBetween(10 * SECOND, HOUR)) }
      : {}),
  }
}
