/**
 * One conversation as coding agents lead them: turns that follow each other within seconds
 * while tools are used, and after a while when a person has to think; a prompt that grows turn
 * by turn and is made small again when it gets too long. All chance comes from the dice.
 */
import { CACHE_LIFE_MS, LONG_CACHE_LIFE_MS } from '../../../src/core/session.ts'
import { later, type Millis, SECOND } from '../../../src/core/time.ts'
import type { Dice } from '../../../src/simulation/dice.ts'
import type { TraceRequest } from '../../../src/simulation/trace.ts'
import { TICK_MS } from '../trace-file.ts'

export interface Habits {
  readonly model: string
  readonly class: TraceRequest['class']
  readonly cacheLife: 'short' | 'long'
  readonly turns: number
  /** Tokens of the first prompt, between these two. */
  readonly begins: readonly [number, number]
  /** What tools and people add in a turn, between these two. */
  readonly grows: readonly [number, number]
  /** A prompt that is longer is summarized before it is sent. */
  readonly longest: number
  /** How long after an answer the next turn comes. */
  readonly pauseMs: (dice: Dice) => number
  readonly answerTokens: number
}

export interface Begun {
  readonly name: string
  readonly at: Millis
  /** No turn begins later. */
  readonly until: Millis
}

const SUMMARY_TOKENS = 25_000
/** Who returns to a conversation that is no longer cached summarizes a longer one first. */
const LONGEST_COLD = 40_000

/** In the order of time; the next conversation can begin when the last answer is there. */
export function converse(
  dice: Dice,
  habits: Habits,
  { name, at: begin, until }: Begun,
): readonly TraceRequest[] {
  const cacheLifeMs = habits.cacheLife === 'long' ? LONG_CACHE_LIFE_MS : CACHE_LIFE_MS
  const requests: TraceRequest[] = []
  let at = toTick(begin)
  let cached = 0
  let warmUntil = at
  let promptTokens = Math.round(dice.logBetween(...habits.begins))
  for (let turn = 0; turn < habits.turns && at < until; turn++) {
    const isWarm = at < warmUntil
    if (promptTokens > habits.longest || (!isWarm && promptTokens > LONGEST_COLD)) {
      promptTokens = SUMMARY_TOKENS
      cached = 0
    }
    const outputTokens = Math.round(habits.answerTokens * dice.logBetween(0.15, 5))
    const durationMs = ticked(1_500 + outputTokens * dice.between(10, 20))
    requests.push({
      at,
      conversation: name,
      model: habits.model,
      promptTokens,
      cachedTokens: isWarm ? cached : 0,
      outputTokens,
      cacheLifeMs,
      durationMs,
      class: habits.class,
    })
    cached = promptTokens
    warmUntil = later(at, cacheLifeMs)
    promptTokens += outputTokens + Math.round(dice.logBetween(...habits.grows))
    at = later(at, durationMs + ticked(habits.pauseMs(dice)))
  }
  return requests
}

/** Of tools: they answer within seconds. */
export const toolPause = (dice: Dice): number => dice.logBetween(0.5 * SECOND, 60 * SECOND)

export const endOf = (requests: readonly TraceRequest[], otherwise: Millis): Millis => {
  const last = requests.at(-1)
  return last === undefined ? otherwise : later(last.at, last.durationMs)
}

const ticked = (ms: number): number => Math.max(1, Math.round(ms / TICK_MS)) * TICK_MS

const toTick = (at: Millis): Millis => later(at, -(at % TICK_MS))
