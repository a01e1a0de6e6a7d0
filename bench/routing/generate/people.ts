/**
 * A team at its desks: conversation after conversation, a break at noon, agents that work
 * beside the conversation that has sent for them.
 */
import { HOUR, later, MINUTE, type Millis, SECOND } from '../../../src/core/time.ts'
import type { Dice } from '../../../src/simulation/dice.ts'
import type { TraceRequest } from '../../../src/simulation/trace.ts'
import { converse, endOf, type Habits, toolPause } from './conversation.ts'

export interface Office {
  readonly midnight: Millis
  readonly people: number
  /** Each model as often as its share says. */
  readonly models: readonly [readonly [string, number], ...(readonly [string, number])[]]
  readonly turns: number
  readonly pauseMs: number
}

export function workday(dice: Dice, office: Office): readonly TraceRequest[] {
  const requests: TraceRequest[] = []
  for (let person = 1; person <= office.people; person++) {
    const morning = later(office.midnight, dice.between(8, 9.5) * HOUR)
    const noon = later(office.midnight, dice.between(11.75, 12.5) * HOUR)
    const afternoon = later(noon, dice.between(40, 70) * MINUTE)
    const evening = later(office.midnight, dice.between(17, 18.5) * HOUR)
    const name = `p${person}`
    requests.push(...atDesk(dice, office, { name: `${name}a`, at: morning, until: noon }))
    requests.push(...atDesk(dice, office, { name: `${name}b`, at: afternoon, until: evening }))
  }
  return requests
}

interface Desk {
  readonly name: string
  readonly at: Millis
  readonly until: Millis
}

function atDesk(dice: Dice, office: Office, { name, at: begin, until }: Desk): readonly TraceRequest[] {
  const requests: TraceRequest[] = []
  let at = begin
  for (let count = 1; at < until; count++) {
    const habits = conversationHabits(dice, office)
    const conversation = converse(dice, habits, { name: `${name}${count}`, at, until })
    requests.push(...conversation)
    for (const { at: sentAt, conversation: parent } of conversation) {
      if (!dice.isOneIn(40)) continue
      for (let agent = dice.whole(1, 3); agent > 0; agent--) {
        const agentName = `${parent}/${(sentAt % HOUR) / SECOND}.${agent}`
        requests.push(
          ...converse(dice, agentHabits(dice, habits.model), { name: agentName, at: sentAt, until }),
        )
      }
    }
    at = later(endOf(conversation, until), dice.exponential(4 * MINUTE))
  }
  return requests
}

const conversationHabits = (dice: Dice, { models, turns, pauseMs }: Office): Habits => ({
  model: dice.weighted(models),
  class: 'interactive',
  cacheLife: dice.isOneIn(3) ? 'short' : 'long',
  turns: 4 + Math.floor(dice.exponential(turns)),
  begins: [20_000, 45_000],
  grows: [500, 12_000],
  longest: 150_000,
  // Two turns of three are the work of tools; then a person reads and thinks.
  pauseMs: (each) => (each.isOneIn(3) ? 15 * SECOND + each.exponential(pauseMs) : toolPause(each)),
  answerTokens: 500,
})

const agentHabits = (dice: Dice, model: string): Habits => ({
  model: dice.isOneIn(2) ? 'claude-haiku-5-5' : model,
  class: 'interactive',
  cacheLife: 'short',
  turns: 3 + Math.floor(dice.exponential(8)),
  begins: [8_000, 20_000],
  grows: [500, 8_000],
  longest: 100_000,
  pauseMs: toolPause,
  answerTokens: 400,
})
