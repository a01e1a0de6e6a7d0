/**
 * The long run: `npm run simulate:long [-- HOURS [SEED]]`. Random pools until so many hours have
 * been simulated; says how far it is, and ends with 1 and the shrunk trace as soon as something
 * breaks that must hold.
 */
import { describeBreach } from '../../src/simulation/describe.ts'
import { generateScenario } from '../../src/simulation/generate.ts'
import { MACHINERY } from '../../src/simulation/scenario.ts'
import { shrink } from '../../src/simulation/shrink.ts'
import { simulate } from '../../src/simulation/simulate.ts'
import { RULES } from './rules.ts'

const HOURS = 100_000
const HOURS_A_POOL = 50
const STEPS = 20

const [hours = HOURS, firstSeed = 1] = process.argv.slice(2).map(Number)
if (!(hours > 0) || !Number.isSafeInteger(firstSeed)) {
  process.stderr.write('Usage: npm run simulate:long [-- HOURS [SEED]]\n')
  process.exit(2)
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const started = performance.now()
const pools = Math.ceil(hours / HOURS_A_POOL)
let requests = 0
let refused = 0
for (let pool = 0; pool < pools; pool++) {
  const seed = firstSeed + pool
  const scenario = generateScenario(seed, HOURS_A_POOL, RULES)
  const { tally, breach } = await simulate(scenario, { isChecked: true })
  if (breach !== undefined) {
    const small = await shrink({ scenario, breach }, MACHINERY)
    say(`Seed ${seed}, after ${pool * HOURS_A_POOL} hours. Shrunk in ${small.runs} runs:`)
    say(await describeBreach(small.scenario, small.breach, MACHINERY))
    process.exit(1)
  }
  requests += tally.requests
  refused += tally.refused
  if ((pool + 1) % Math.ceil(pools / STEPS) === 0 || pool + 1 === pools) progress(pool + 1)
}

function progress(done: number): void {
  const seconds = (performance.now() - started) / 1_000
  const simulated = done * HOURS_A_POOL
  const speed = Math.round(simulated / seconds)
  say(
    `${simulated} hours, ${requests} requests (${refused} refused), nothing broken; ${seconds.toFixed(1)} s, ${speed} hours a second`,
  )
}
