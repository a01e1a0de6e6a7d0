/**
 * `npm run bench:ledger`: a data directory with millions of rows, and on it how long questions
 * take while requests are served, what they cost the requests, and how long a start takes.
 * Prints a report and leaves it in bench/ledger/results/. See bench/ledger/README.md.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from '../machine.ts'
import { killAll } from '../processes.ts'
import { type Filled, fill } from './fill.ts'
import { measure } from './measure.ts'
import { renderReport } from './report.ts'

const USAGE = `npm run bench:ledger -- [options]
  --rows N         of the ledger (10000000)
  --directory PATH where the data are made, and kept; found there, they are used again
  --rounds N       with and without questions, each (3)
  --seconds S      of a round (20)
  --cores P,L      the core of Spillway, and that of upstream, generator and questions (0,1)
  --dry            prints the report and writes no file
  --help           this text`

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    directory: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '20' },
    cores: { type: 'string', default: '0,1' },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function main(): Promise<void> {
  const directory = values.directory ?? join(tmpdir(), `spillway-bench-ledger-${process.pid}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      killAll()
      process.exit(130)
    })
  }
  try {
    const filled = await filledIn(directory)
    const [proxyCore = 0, loadCore = 1] = values.cores.split(',').map(Number)
    const measured = await measure({
      directory,
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      proxyCore,
      loadCore,
      say,
    })
    const machine = describeMachine()
    const report = renderReport({ machine, filled, measured, busy: loadavg()[0] ?? 0 })
    process.stdout.write(`${report}\n`)
    if (values.dry) return
    const results = join(import.meta.dir, 'results')
    mkdirSync(results, { recursive: true })
    writeFileSync(join(results, `${machine.date}.md`), `${report}\n`)
    say(`Written: bench/ledger/results/${machine.date}.md`)
  } finally {
    killAll()
    if (values.directory === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

/** What was found out when the data were made stands beside them. */
async function filledIn(directory: string): Promise<Filled> {
  const note = join(directory, 'filled.json')
  if (existsSync(note)) return JSON.parse(readFileSync(note, 'utf8'))
  const filled = await fill(directory, { rows: Number(values.rows), seed: 1, say })
  writeFileSync(note, JSON.stringify(filled))
  return filled
}

if (values.help) process.stdout.write(`${USAGE}\n`)
else await main()
