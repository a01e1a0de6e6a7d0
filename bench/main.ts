/**
 * `npm run bench`: measures Spillway beside nginx and HAProxy, prints a table, and leaves raw
 * data and table in bench/results/. See bench/README.md for what the numbers mean.
 */
import { openBench } from './bench.ts'
import { areSiblings, describeMachine } from './machine.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { canPin } from './processes.ts'
import { hasProcfs } from './procfs.ts'
import type { Run } from './records.ts'
import { renderReport } from './report.ts'
import { writeResults } from './results.ts'
import { runRounds } from './rounds.ts'
import { TARGETS } from './targets.ts'

process.exit(await main(process.argv.slice(2)))

async function main(words: readonly string[]): Promise<number> {
  let options: Options | undefined
  try {
    options = readOptions(words)
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`, 2)
  }
  if (options === undefined) {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  if (!hasProcfs()) return fail('CPU time is read from /proc/<pid>/schedstat, which only Linux has.', 1)
  try {
    const run = await perform(options)
    const report = renderReport(run)
    process.stdout.write(`${report}\n`)
    for (const file of writeResults(run, report, options)) process.stderr.write(`Written: ${file}\n`)
    return 0
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), 1)
  }
}

async function perform(options: Options): Promise<Run> {
  const machine = describeMachine()
  const notes = notesOn(options, machine.cores)
  const bench = await openBench(options)
  for (const note of notes) bench.say(note)
  try {
    const records = await runRounds(bench)
    const { rounds, seconds, leadSeconds, seed, isQuick } = options
    return {
      machine,
      settings: { rounds, seconds, leadSeconds, seed, isQuick, isPinned: canPin },
      notes,
      ...records,
    }
  } finally {
    await bench.close()
  }
}

/** What the reader of the results must know about this run. */
function notesOn(
  { missing, proxyCore, loadCore, isQuick, rounds }: Options,
  cores: number,
): readonly string[] {
  return [
    ...missing.map((name) => `${TARGETS[name].label} is not installed and was left out.`),
    ...(canPin ? [] : ['taskset is not installed: nothing was pinned to a core.']),
    ...(cores < 2 || proxyCore === loadCore
      ? ['Proxies, upstream and generator shared one core: latencies mean little.']
      : []),
    ...(areSiblings(proxyCore, loadCore)
      ? [`Cores ${proxyCore} and ${loadCore} are halves of one core.`]
      : []),
    ...(isQuick || rounds < 5 ? ['A short run, to see that it works: not for publishing.'] : []),
  ]
}

function fail(sentence: string, code: number): number {
  process.stderr.write(`${sentence}\n`)
  return code
}
