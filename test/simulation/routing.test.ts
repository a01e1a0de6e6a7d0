/**
 * The real routing on thousands of random days: pools, traffic and troubles from seeds, every
 * strategy, and after each step what must hold (G2, G7, G8, G11, and that no request is refused
 * while an account could have served it). `npm run simulate:long` does the same for longer.
 */
import { describe, expect, it } from 'bun:test'
import { describeBreach } from '../../src/simulation/describe.ts'
import { generateScenario } from '../../src/simulation/generate.ts'
import { MACHINERY, type Machinery } from '../../src/simulation/scenario.ts'
import { type Shrunk, shrink } from '../../src/simulation/shrink.ts'
import { simulate } from '../../src/simulation/simulate.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { RULES } from './rules.ts'

const HOURS = 25
const RUNS = 40
/** Another one every day, so that more is seen over time. */
const TODAY = Math.floor(Date.now() / 86_400_000)

describe(`${RUNS * HOURS} hours over random pools`, () => {
  it('break nothing that must hold', async () => {
    const strategies = new Set<string>()
    const total = { requests: 0, served: 0, refused: 0, waits: 0, failures: 0, switches: 0 }
    for (let seed = 1; seed <= RUNS; seed++) {
      const scenario = generateScenario(seed, HOURS, RULES)
      const { tally, breach } = await simulate(scenario, { isChecked: true })
      if (breach !== undefined) throw new Error(await wordsOf(seed, MACHINERY))
      strategies.add(scenario.strategy)
      for (const name of ['requests', 'served', 'refused', 'waits', 'failures', 'switches'] as const)
        total[name] += tally[name]
    }
    // A simulation in which nothing happens would break nothing.
    expect(strategies.size).toBe(8)
    for (const count of Object.values(total)) expect(count).toBeGreaterThan(100)
  })

  it(`break nothing that must hold with the seed of the day either (${TODAY})`, async () => {
    const { breach } = await simulate(generateScenario(TODAY, 10 * HOURS, RULES), { isChecked: true })
    if (breach !== undefined) throw new Error(await wordsOf(TODAY, MACHINERY, 10 * HOURS))
  })

  it('are the same when they are simulated again', async () => {
    const run = async () => (await simulate(generateScenario(7, HOURS, RULES))).tally
    expect(await run()).toEqual(await run())
  })
})

describe('a planted bug', () => {
  it.each(PLANTED_BUGS.map((bug) => [bug.what, bug] as const))(
    'is caught, and is shrunk to a few requests: %s',
    async (_, bug) => {
      const { breach, scenario } = await find(bug.machinery)
      expect(breach.invariant).toBe(bug.breaks)
      expect(scenario.trace.requests.length).toBeLessThanOrEqual(5)
      expect(scenario.trace.accounts.length).toBeLessThanOrEqual(3)
      // It is the bug that breaks it, not the scenario.
      expect((await simulate(scenario, { isChecked: true })).breach).toBeUndefined()
      expect(await describeBreach(scenario, breach, bug.machinery)).toContain(breach.sentence)
    },
  )

  it('is shrunk to the same few requests every time', async () => {
    const [bug] = PLANTED_BUGS
    if (bug === undefined) throw new Error('There is no bug.')
    const [first, second] = [await find(bug.machinery), await find(bug.machinery)]
    expect(first).toEqual(second)
  })
})

/** In the first random pools that it breaks. */
async function find(machinery: Machinery): Promise<Shrunk> {
  for (let seed = 1; seed <= 200; seed++) {
    const scenario = generateScenario(seed, HOURS, RULES)
    const { breach } = await simulate(scenario, { machinery, isChecked: true })
    if (breach !== undefined) return shrink({ scenario, breach }, machinery)
  }
  throw new Error('Nothing broke in 200 random pools.')
}

async function wordsOf(seed: number, machinery: Machinery, hours = HOURS): Promise<string> {
  const scenario = generateScenario(seed, hours, RULES)
  const { breach } = await simulate(scenario, { machinery, isChecked: true })
  if (breach === undefined) return `The seed ${seed} broke something once and not again.`
  const small = await shrink({ scenario, breach }, machinery)
  return `Seed ${seed}, ${hours} hours. Shrunk in ${small.runs} runs:\n${await describeBreach(small.scenario, small.breach, machinery)}`
}
