/**
 * The published traces, made from seeds. To change one is to publish another: the files in
 * `traces/` are what counts, and a test compares them with what comes out here.
 */
import { DAY, HOUR, later, MINUTE, type Millis, SECOND, toMillis } from '../../../src/core/time.ts'
import { createDice, type Dice } from '../../../src/simulation/dice.ts'
import type { Trace, TraceRequest } from '../../../src/simulation/trace.ts'
import { converse, type Habits, toolPause } from './conversation.ts'
import { workday } from './people.ts'
import { fiveHours, key, subscription, week } from './pool.ts'

/** A Monday, 00:00 UTC. */
const MONDAY = toMillis(1_794_787_200_000)
const atHour = (hour: number): Millis => later(MONDAY, hour * HOUR)

const SONNET = 'claude-sonnet-5-5'
const OPUS = 'claude-opus-5-5'
const HAIKU = 'claude-haiku-5-5'

export const generateTraces = (): readonly Trace[] => [teamDay(), agentsOvernight(), mixedPool(), bursts()]

function teamDay(): Trace {
  const small = 4_400_000
  const large = small * 5
  const requests = workday(createDice(11), {
    midnight: MONDAY,
    people: 20,
    models: [
      [SONNET, 2],
      [OPUS, 1],
    ],
    turns: 22,
    pauseMs: 4 * MINUTE,
  })
  const plans = ['anna', 'bert', 'cleo', 'dora'].map((name, index) =>
    subscription({
      name,
      tier: 1,
      windows: [
        fiveHours(small, atHour(index - 1)),
        week({ capacity: small * 10, gridFrom: atHour(15 - 7 * 24 + index * 30), used: 0.3 + index * 0.1 }),
      ],
    }),
  )
  const bigs = ['emil', 'fred'].map((name, index) =>
    subscription({
      name,
      tier: 5,
      windows: [
        fiveHours(large, atHour(index * 2.5 - 2)),
        week({ capacity: large * 8, gridFrom: atHour(20 - 7 * 24 + index * 40), used: 0.5 + index * 0.3 }),
      ],
    }),
  )
  return finished({
    name: 'team-day',
    description:
      'Twenty people at work from nine to six with a break at noon, on four small and two large subscriptions. Conversations grow to 150,000 tokens and send for agents. Windows of five hours that begin at different times, and of seven days, some of them nearly spent.',
    startsAt: atHour(7),
    endsAt: atHour(20),
    accounts: [...plans, ...bigs],
    requests,
  })
}

function agentsOvernight(): Trace {
  const dice = createDice(12)
  const startsAt = atHour(18)
  const endsAt = atHour(32)
  const requests: TraceRequest[] = []
  for (let agent = 1; agent <= 5; agent++) {
    const begun = { name: `agent${agent}`, at: later(startsAt, agent * 7 * MINUTE), until: endsAt }
    requests.push(...converse(dice, agentHabits(agent % 2 === 0 ? OPUS : SONNET), begun))
  }
  for (let at = startsAt, job = 1; at < endsAt; at = later(at, dice.exponential(25 * SECOND)), job++)
    requests.push(...converse(dice, jobHabits(dice), { name: `j${job}`, at, until: endsAt }))
  return finished({
    name: 'agents-overnight',
    description:
      'Five agents that work through the night, each in one conversation, beside background jobs of one to three turns that by themselves would spend every window. Four equal subscriptions, whose five hours begin with their first use.',
    startsAt,
    endsAt,
    accounts: ['anna', 'bert', 'cleo', 'dora'].map((name) =>
      subscription({ name, tier: 1, windows: [fiveHours(4_800_000)] }),
    ),
    requests,
  })
}

const agentHabits = (model: string): Habits => ({
  model,
  class: 'interactive',
  cacheLife: 'short',
  turns: 5_000,
  begins: [20_000, 40_000],
  grows: [500, 6_000],
  longest: 140_000,
  pauseMs: (dice) => dice.logBetween(10 * SECOND, 200 * SECOND),
  answerTokens: 700,
})

const jobHabits = (dice: Dice): Habits => ({
  model: dice.isOneIn(3) ? SONNET : HAIKU,
  class: 'background',
  cacheLife: 'short',
  turns: dice.whole(1, 3),
  begins: [6_000, 25_000],
  grows: [500, 4_000],
  longest: 60_000,
  pauseMs: toolPause,
  answerTokens: 600,
})

function mixedPool(): Trace {
  const unit = 6_500_000
  const plans = ['anna', 'bert', 'cleo'].map((name, index) =>
    subscription({
      name,
      tier: index === 0 ? 3 : 1,
      windows: [
        fiveHours(unit * (index === 0 ? 3 : 1), atHour(1 + index * 1.5)),
        week({
          capacity: unit * (index === 0 ? 25 : 9),
          gridFrom: atHour(40 - 7 * 24 + index * 24),
          used: 0.4,
        }),
        week({
          capacity: unit * (index === 0 ? 8 : 3),
          gridFrom: atHour(40 - 7 * 24 + index * 24),
          used: 0.2 + index * 0.33,
          family: 'opus',
        }),
      ],
    }),
  )
  const requests = workday(createDice(13), {
    midnight: MONDAY,
    people: 16,
    models: [
      [OPUS, 5],
      [SONNET, 4],
      [HAIKU, 1],
    ],
    turns: 22,
    pauseMs: 4 * MINUTE,
  })
  return finished({
    name: 'mixed-pool',
    description:
      'Sixteen people who ask for Opus more often than for anything else, on three subscriptions with a week’s limit for Opus alone, and two keys that are paid by the token up to a limit for the day.',
    startsAt: atHour(7),
    endsAt: atHour(20),
    accounts: [...plans, key('console-1', 12_000_000, MONDAY), key('console-2', 8_000_000, MONDAY)],
    requests,
  })
}

function bursts(): Trace {
  const dice = createDice(14)
  const startsAt = atHour(0)
  const endsAt = later(startsAt, DAY)
  const requests: TraceRequest[] = []
  for (let at = startsAt, burst = 1; at < endsAt; at = later(at, dice.between(12, 60) * MINUTE), burst++) {
    const size = Math.round(dice.logBetween(8, 120))
    for (let talk = 1; talk <= size; talk++) {
      const begun = { name: `b${burst}.${talk}`, at: later(at, dice.exponential(45 * SECOND)), until: endsAt }
      requests.push(...converse(dice, shortHabits(dice), begun))
    }
  }
  return finished({
    name: 'bursts',
    description:
      'Short conversations of one to six turns that come by the dozen, as reviews and tests of many changes do, around the clock. Five subscriptions of three sizes.',
    startsAt,
    endsAt,
    accounts: [1, 1, 2, 2, 4].map((tier, index) =>
      subscription({
        name: ['anna', 'bert', 'cleo', 'dora', 'emil'][index] ?? 'anna',
        tier,
        windows: [fiveHours(1_500_000 * tier, atHour(index - 4))],
      }),
    ),
    requests,
  })
}

const shortHabits = (dice: Dice): Habits => ({
  model: dice.isOneIn(3) ? HAIKU : SONNET,
  class: 'background',
  cacheLife: 'short',
  turns: dice.whole(1, 6),
  begins: [6_000, 25_000],
  grows: [500, 8_000],
  longest: 60_000,
  pauseMs: toolPause,
  answerTokens: 600,
})

/** In the order of time; equal times in the order of names. */
function finished(trace: Trace): Trace {
  const requests = trace.requests
    .filter(({ at }) => at < trace.endsAt)
    .sort((a, b) => a.at - b.at || (a.conversation < b.conversation ? -1 : 1))
  return { ...trace, requests }
}
