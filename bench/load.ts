/**
 * The two ways to send requests: open loop, where each leaves when its arrival is due and its
 * latency counts from there, and closed loop, to warm a target up. Must not know a target.
 */
import { Worker } from 'node:worker_threads'
import { createDice } from '../test/support/random.ts'
import { createBody, toRequestBytes } from './bodies.ts'
import { poissonArrivals } from './chance.ts'
import type { Schedule } from './metronome.ts'
import type {
  BodySize,
  Destination,
  LoadJob,
  LoadResult,
  StreamShape,
  WarmJob,
  WarmResult,
} from './protocol.ts'
import { toQuantiles } from './statistics.ts'
import { type Answered, connectWire, type Wire } from './wire.ts'

/** Conversations that the requests belong to, in turn. */
const SESSIONS = 50
/** Between the order and the first arrival. */
const RUN_UP_MS = 50
/** How long answers may take after the last arrival. */
const PATIENCE_MS = 30_000

interface Tally {
  readonly latencies: number[]
  readonly ttfts: number[]
  readonly latenesses: number[]
  answered: number
  failed: number
  firstFailure: string | undefined
  events: number
  /** When the last request was written. */
  lastSentAt: number
}

const metronome = new Worker(new URL('./metronome.ts', import.meta.url))
metronome.unref()

export async function runLoad(job: LoadJob): Promise<LoadResult> {
  const requests = requestsFor(job.to, job.body, job.stream)
  const arrivals = poissonArrivals(job.ratePerSecond, job.leadSeconds + job.seconds, createDice(job.seed))
  const pool = await openPool(job.to.port, job.connections)
  const tally = newTally()
  const pending: Promise<void>[] = []
  const begin = performance.now() + RUN_UP_MS

  const send = async (index: number): Promise<void> => {
    const due = begin + (arrivals[index] ?? 0)
    const isMeasured = (arrivals[index] ?? 0) >= job.leadSeconds * 1_000
    tally.lastSentAt = performance.now()
    if (isMeasured) tally.latenesses.push(tally.lastSentAt - due)
    const answered = await askOnce(pool, requests[index % SESSIONS], { job, tally })
    if (answered === undefined || !isMeasured) return
    tally.latencies.push(answered.endedAt - due)
    if (answered.answer.contentAt !== undefined) tally.ttfts.push(answered.answer.contentAt - due)
  }
  await tick(arrivals, begin, (index) => void pending.push(send(index)))
  await Promise.race([Promise.all(pending), Bun.sleep(PATIENCE_MS)])
  pool.close()
  await Promise.all(pending)
  const seconds = Math.max(job.leadSeconds + job.seconds, (tally.lastSentAt - begin) / 1_000)
  return {
    scheduled: arrivals.length,
    answered: tally.answered,
    failed: tally.failed,
    firstFailure: tally.firstFailure,
    events: tally.events,
    sentPerSecond: arrivals.length / seconds,
    latencyMs: toQuantiles(tally.latencies),
    ttftMs: job.stream === undefined ? undefined : toQuantiles(tally.ttfts),
    latenessMs: toQuantiles(tally.latenesses),
    connectionsOpened: pool.opened(),
  }
}

export async function runWarm(job: WarmJob): Promise<WarmResult> {
  const requests = requestsFor(job.to, job.body, job.stream)
  const pool = await openPool(job.to.port, job.connections)
  const tally = newTally()
  const begin = performance.now()
  let next = 0
  const work = async (): Promise<void> => {
    while (next < job.requests) await askOnce(pool, requests[next++ % SESSIONS], { job, tally })
  }
  await Promise.all(Array.from({ length: job.connections }, work))
  pool.close()
  const seconds = (performance.now() - begin) / 1_000
  const { answered, failed, firstFailure } = tally
  return { answered, failed, firstFailure, perSecond: answered / seconds }
}

export function requestsFor(
  { port, key }: Destination,
  size: BodySize,
  stream: StreamShape | 'hold' | undefined,
): readonly Uint8Array[] {
  const shape = typeof stream === 'object' ? `${stream.events}/${stream.paceMs}` : stream
  return Array.from({ length: SESSIONS }, (_, session) =>
    toRequestBytes(createBody({ session, size, isStream: stream !== undefined }), {
      session,
      port,
      key,
      shape,
    }),
  )
}

const newTally = (): Tally => ({
  latencies: [],
  ttfts: [],
  latenesses: [],
  answered: 0,
  failed: 0,
  firstFailure: undefined,
  events: 0,
  lastSentAt: 0,
})

/** Sends one request and books what became of it; undefined when it failed. */
async function askOnce(
  pool: Pool,
  request: Uint8Array | undefined,
  { job, tally }: { readonly job: LoadJob | WarmJob; readonly tally: Tally },
): Promise<Answered | undefined> {
  if (request === undefined) return undefined
  let wire: Wire | undefined
  try {
    wire = pool.take() ?? (await pool.open())
    const answered = await wire.ask(request)
    pool.put(wire)
    const problem = problemOf(answered, job)
    if (problem !== undefined) throw new Error(problem)
    tally.answered++
    tally.events += answered.answer.events
    return answered
  } catch (error) {
    tally.failed++
    tally.firstFailure ??= error instanceof Error ? error.message : String(error)
    return undefined
  }
}

function problemOf({ answer }: Answered, { stream }: LoadJob | WarmJob): string | undefined {
  if (answer.status !== 200) return `status ${answer.status}`
  if (answer.bodyBytes === 0) return 'an answer without a body'
  const expected = stream?.events ?? 0
  return answer.events === expected ? undefined : `${answer.events} events instead of ${expected}`
}

/** Calls `fire` once for each arrival, when it is due or as soon after it as can be; resolves after the last. */
function tick(arrivals: readonly number[], begin: number, fire: (index: number) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let next = 0
  metronome.on('message', function beat() {
    fire(next++)
    if (next < arrivals.length) return
    metronome.off('message', beat)
    resolve()
  })
  const epoch = performance.timeOrigin + begin
  metronome.postMessage({ arrivals: arrivals.map((at) => epoch + at) } satisfies Schedule)
  return promise
}

interface Pool {
  /** The connection that has rested longest; undefined when all are busy. */
  take(): Wire | undefined
  open(): Promise<Wire>
  put(wire: Wire): void
  opened(): number
  close(): void
}

async function openPool(port: number, connections: number): Promise<Pool> {
  const all: Wire[] = []
  const idle: Wire[] = []
  const open = async (): Promise<Wire> => {
    const wire = await connectWire(port)
    all.push(wire)
    return wire
  }
  for (let count = 0; count < connections; count++) idle.push(await open())
  return {
    take() {
      for (;;) {
        const wire = idle.shift()
        if (wire === undefined || wire.isOpen) return wire
      }
    },
    open,
    put: (wire) => void (wire.isOpen && idle.push(wire)),
    opened: () => all.length,
    close() {
      for (const wire of all) wire.close()
    },
  }
}
