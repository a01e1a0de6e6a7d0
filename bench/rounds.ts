/**
 * A whole run: warm-up, then rounds in each of which everything is measured once, in an order
 * of its own, so that whatever drifts or disturbs hits all targets alike.
 */
import { createDice } from '../test/support/random.ts'
import type { Bench } from './bench.ts'
import { shuffle } from './chance.ts'
import { measureLoad, warmUp } from './measure-load.ts'
import { measureMemory } from './measure-memory.ts'
import { measureStarts, START_NAMES } from './measure-start.ts'
import { readMemory } from './procfs.ts'
import type { AfterRecord, ColdStartRecord, LoadRecord, MemoryRecord, StartName } from './records.ts'
import { LOADS, STREAM_BODIES, WARM_UP } from './scenarios.ts'
import { TARGETS, type Target, workersOf } from './targets.ts'

export interface Records {
  readonly loads: readonly LoadRecord[]
  readonly memory: readonly MemoryRecord[]
  readonly after: readonly AfterRecord[]
  readonly coldStarts: readonly ColdStartRecord[]
}

interface Book {
  readonly loads: LoadRecord[]
  readonly memory: MemoryRecord[]
  readonly coldStarts: ColdStartRecord[]
}

interface Step {
  readonly name: string
  run(): Promise<void>
}

const STARTS: readonly StartName[] = ['launcher', 'bun', 'first']
const SETTLE_MS = 2_000

export async function runRounds(bench: Bench): Promise<Records> {
  const { options, say } = bench
  const targets: Target[] = []
  if (options.scenarios.some((name) => LOADS.some((load) => load.name === name))) {
    for (const name of options.targets) {
      say(
        `Warming up ${TARGETS[name].label}: ${WARM_UP.map(({ requests, body, stream }) => `${requests} ${stream === undefined ? body : 'streamed'}`).join(', ')} requests…`,
      )
      const target = await bench.start(name)
      await warmUp(bench, target)
      targets.push(target)
    }
  }
  const book: Book = { loads: [], memory: [], coldStarts: [] }
  const dice = createDice(options.seed)
  for (let round = 1; round <= options.rounds; round++) {
    const steps = shuffle(stepsOf(bench, { targets, book, round }), dice)
    for (const [index, step] of steps.entries()) {
      say(`Round ${round} of ${options.rounds}, ${index + 1} of ${steps.length}: ${step.name}`)
      await step.run()
    }
  }
  await Bun.sleep(SETTLE_MS)
  const after = targets
    .filter(({ pid }) => pid !== undefined)
    .map((target) => ({ target: target.name, memory: readMemory(workersOf(target)) }))
  await Promise.all(targets.map((target) => target.stop()))
  return { ...book, after }
}

interface RoundPlan {
  readonly targets: readonly Target[]
  readonly book: Book
  readonly round: number
}

function stepsOf(bench: Bench, { targets, book, round }: RoundPlan): readonly Step[] {
  const { scenarios } = bench.options
  const loads = LOADS.filter(({ name }) => scenarios.includes(name)).flatMap((scenario) =>
    targets.map((target) => ({
      name: `${scenario.name} through ${TARGETS[target.name].label}`,
      async run() {
        const record = await measureLoad(bench, { target, scenario, round })
        book.loads.push(record)
        if (record.faults.length > 0) bench.say(`  does not count: ${record.faults.join('; ')}`)
      },
    })),
  )
  const starts = shuffle(STARTS, createDice(round))
  return [
    ...loads,
    ...(scenarios.includes('memory') ? memorySteps(bench, book, round) : []),
    ...(scenarios.includes('cold-start') && bench.options.targets.includes('spillway')
      ? [
          {
            name: `cold starts (${starts.map((way) => START_NAMES[way]).join('; ')})`,
            run: async () => void book.coldStarts.push(...(await measureStarts(bench, starts, round))),
          },
        ]
      : []),
  ]
}

function memorySteps(bench: Bench, book: Book, round: number): readonly Step[] {
  const proxies = bench.options.targets.filter((name) => name !== 'direct')
  return STREAM_BODIES.flatMap((body) =>
    proxies.map((name) => ({
      name: `open streams (${body} requests) through ${TARGETS[name].label}`,
      run: async () => void book.memory.push(...(await measureMemory(bench, { name, body, round }))),
    })),
  )
}
