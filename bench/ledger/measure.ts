/**
 * Measures a gateway on a filled data directory: starts, and rounds of requests with and without
 * questions beside them, in turn, so that whatever else the machine does meets both.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, canPin, launch, launchSpeaker, type Speaker } from '../processes.ts'
import type { Destination, LoadResult, Reply } from '../protocol.ts'
import { openSpillway, spillwayLaunch } from '../spillway.ts'
import { accepting, freePort } from '../targets.ts'
import { type Question, questionsOf } from './questions.ts'

export interface Measured {
  readonly startMs: readonly number[]
  /** p99 of requests, in milliseconds, round by round. */
  readonly quietP99Ms: readonly number[]
  readonly askedP99Ms: readonly number[]
  readonly quietP50Ms: readonly number[]
  readonly askedP50Ms: readonly number[]
  readonly failed: number
  /** Question → milliseconds of each answer, while requests were served. */
  readonly answersMs: ReadonlyMap<string, readonly number[]>
}

export interface MeasureOptions {
  readonly directory: string
  readonly rounds: number
  readonly seconds: number
  readonly proxyCore: number
  readonly loadCore: number
  readonly say: (line: string) => void
}

const RATE = 500
const STARTS = 7
/** Between two questions: a dashboard that somebody uses, and not a race. */
const PAUSE_MS = 50
const WARM_REQUESTS = 5_000

export async function measure(options: MeasureOptions): Promise<Measured> {
  const { directory, proxyCore, loadCore, say } = options
  const core = canPin ? loadCore : undefined
  if (core !== undefined) Bun.spawnSync(['taskset', '-a', '-c', '-p', String(core), String(process.pid)])
  const start = async (): Promise<{ readonly child: Child; readonly port: number; readonly ms: number }> => {
    const port = freePort()
    const begin = performance.now()
    const child = launch(spillwayLaunch({ directory, port, core: canPin ? proxyCore : undefined }))
    return { child, port, ms: (await accepting(port, child, directory)) - begin }
  }
  forgetLastRun(directory)
  const startMs: number[] = []
  for (let count = 0; count < STARTS; count++) {
    const { child, ms } = await start()
    startMs.push(ms)
    await child.stop()
  }
  say(`starts: ${startMs.map((ms) => ms.toFixed(0)).join(', ')} ms`)
  const script = (name: string): readonly string[] => [process.execPath, join(import.meta.dir, '..', name)]
  const upstream = launchSpeaker({ command: script('upstream.ts'), core })
  const { port: upstreamPort }: { readonly port: number } = JSON.parse(await upstream.hear())
  const generator = launchSpeaker({ command: script('generator.ts'), core })
  const { child, port } = await start()
  try {
    const key = await openSpillway({ directory, port, upstreamPort })
    const rounds = await runRounds({ generator, to: { port, key } }, options)
    return { startMs, ...rounds }
  } finally {
    await Promise.all([child.stop(), generator.stop(), upstream.stop()])
  }
}

interface Load {
  readonly generator: Speaker
  readonly to: Destination
}

async function runRounds(
  { generator, to }: Load,
  { directory, rounds, seconds, say }: MeasureOptions,
): Promise<Omit<Measured, 'startMs'>> {
  const ask = async (job: object): Promise<LoadResult> => {
    generator.say(JSON.stringify({ to, body: 'small', connections: 16, ...job }))
    const reply: Reply<'load'> = JSON.parse(await generator.hear())
    if (!reply.ok) throw new Error(`The generator failed: ${reply.message}`)
    return reply.result
  }
  const load = (round: number): Promise<LoadResult> =>
    ask({ kind: 'load', ratePerSecond: RATE, leadSeconds: 2, seconds, seed: round })
  await ask({ kind: 'warm', requests: WARM_REQUESTS })
  const token = readFileSync(join(directory, 'data', 'admin.token'), 'utf8').trim()
  const questions = questionsOf(sampleOf(directory), Date.now())
  const answersMs = new Map<string, number[]>(questions.map(({ name }) => [name, []]))
  const quiet: LoadResult[] = []
  const asked: LoadResult[] = []
  await askAll(questions, { port: to.port, token }, () => false, new Map())
  for (let round = 0; round < rounds; round++) {
    quiet.push(await load(round))
    let isOver = false
    const asking = askUntil(questions, { port: to.port, token }, () => isOver, answersMs)
    asked.push(await load(round))
    isOver = true
    await asking
    say(
      `round ${round + 1}: p99 ${quiet.at(-1)?.latencyMs.p99.toFixed(2)} ms, with questions ${asked.at(-1)?.latencyMs.p99.toFixed(2)} ms`,
    )
  }
  return {
    quietP99Ms: quiet.map(({ latencyMs }) => latencyMs.p99),
    askedP99Ms: asked.map(({ latencyMs }) => latencyMs.p99),
    quietP50Ms: quiet.map(({ latencyMs }) => latencyMs.p50),
    askedP50Ms: asked.map(({ latencyMs }) => latencyMs.p50),
    failed: [...quiet, ...asked].reduce((sum, { failed }) => sum + failed, 0),
    answersMs,
  }
}

interface Door {
  readonly port: number
  readonly token: string
}

async function askUntil(
  questions: readonly Question[],
  door: Door,
  isOver: () => boolean,
  answersMs: Map<string, number[]>,
): Promise<void> {
  while (!isOver()) await askAll(questions, door, isOver, answersMs)
}

async function askAll(
  questions: readonly Question[],
  { port, token }: Door,
  isOver: () => boolean,
  answersMs: Map<string, number[]>,
): Promise<void> {
  for (const { name, path } of questions) {
    if (isOver()) return
    const begin = performance.now()
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${text.slice(0, 200)}`)
    answersMs.get(name)?.push(performance.now() - begin)
    await Bun.sleep(PAUSE_MS)
  }
}

/** From the middle of the ledger. */
function sampleOf(directory: string): { readonly session: string; readonly agent: string } {
  const database = new Sqlite(join(directory, 'data', 'spillway.db'), { readonly: true })
  const row = database
    .query<{ session: string; agent: string }, []>(
      'select session, agent from requests where agent is not null order by id limit 1 offset 1000',
    )
    .get()
  database.close()
  return { session: row?.session ?? '', agent: row?.agent ?? '' }
}

/** Data that are used again have the accounts and the key of the run before. */
function forgetLastRun(directory: string): void {
  const database = new Sqlite(join(directory, 'data', 'spillway.db'), { readwrite: true })
  database.run('delete from accounts')
  database.run("delete from client_keys where name = 'bench'")
  database.close()
}
