/**
 * Hands one answer on, bytes as they come, and reads what it used as it passes. From its
 * first write on there is no failover. The last bytes leave after the ledger row is safe
 * (G6); an answer that breaks off upstream breaks off here (G3). Must not choose or retry.
 */
import { type Headers, isEventStream } from '../core/headers.ts'
import type { Outcome } from '../core/ledger.ts'
import { type BodyEnd, isEnd } from '../core/ports/upstream.ts'
import { ownMade } from './bind.ts'
import type { ProxyContext } from './context.ts'
import type { Begun } from './hold.ts'
import { book, type Job, withoutSecrets } from './job.ts'
import { createMeter, type Meter, type Reading } from './meter.ts'

/** After the terminal event an upstream may take this long to end its answer. */
const GRACE_MS = 5_000

interface Run {
  readonly job: Job
  readonly begun: Begun
  readonly meter: Meter
  readonly context: ProxyContext
  stopGrace: (() => void) | undefined
}

export async function relay(job: Job, begun: Begun, headers: Headers, context: ProxyContext): Promise<void> {
  const { answer, held } = begun
  const run: Run = { job, begun, context, meter: createMeter(job, begun, context), stopGrace: undefined }
  // An event stream is never announced with a length: it could not be cut short any more (G3).
  job.reply.start(answer.status, headers, isEventStream(answer.headers) ? undefined : answer.contentLength)
  let end = await hand(run, held)
  let { next } = begun
  while (end === undefined) {
    const part = await (next ?? answer.body.read())
    next = undefined
    if (!isEnd(part)) run.meter.see(part)
    end = isEnd(part) ? part : await hand(run, part)
  }
  begun.watch.stop()
  run.stopGrace?.()
  await finish(run, end)
}

/** Writes one piece, the answer's last one only after its row. Returns how the body ended, if it has. */
async function hand(run: Run, bytes: Uint8Array): Promise<BodyEnd | undefined> {
  const { job, begun, context } = run
  const { body } = begun.answer
  const { stream } = begun
  if (job.request.signal.aborted) return { end: 'cancelled' }
  noteContent(run)
  if (stream?.isWhole === true && run.stopGrace === undefined) {
    settle(run, 'ok', await run.meter.result())
    run.stopGrace = context.clock.after(GRACE_MS, () => body.cancel())
  }
  if (body.isComplete && (stream === undefined || stream.isWhole)) {
    const reading = await run.meter.result()
    if (reading.isWhole !== false) {
      settle(run, 'ok', reading)
      job.reply.end(bytes)
      return { end: 'clean' }
    }
  }
  await job.reply.write(bytes)
  return undefined
}

function noteContent({ job, begun, context }: Run): void {
  if (job.record.ttftMs !== undefined || begun.stream?.hasContent === false) return
  job.record.ttftMs = Math.round(context.clock.elapsed() - job.startedElapsed)
  if (begun.stream !== undefined && job.facts.isStream) begun.watch.stop()
}

/** Nothing more comes: the client gets the end that the upstream's end deserves. */
async function finish(run: Run, { end }: BodyEnd): Promise<void> {
  const { job, begun, meter } = run
  if (job.record.isBooked) return job.reply.end()
  const reading = await meter.result()
  if (job.request.signal.aborted) return settle(run, 'aborted', reading, 'the client left')
  const { isWhole = end === 'clean' } = reading
  const error = begun.stream?.error
  if (isWhole || (error !== undefined && end === 'clean')) {
    const words = error && withoutSecrets(`${error.type}: ${error.message}`, job.record)
    settle(run, error === undefined ? 'ok' : 'upstream-error', reading, words)
    return job.reply.end()
  }
  settle(run, 'truncated', reading, TRUNCATIONS[begun.watch.hasFired ? 'late' : end])
  job.reply.break()
}

const TRUNCATIONS: Readonly<Record<BodyEnd['end'] | 'late', string>> = {
  clean: 'the upstream ended without its terminal event',
  reset: 'the upstream’s connection was reset',
  short: 'the upstream closed its connection early',
  idle: 'the upstream fell silent',
  framing: 'the upstream framed its answer wrongly',
  cancelled: 'the answer was cancelled',
  late: 'the answer took longer than its time limit',
}

/** The row, before whatever tells the client that this was all. */
function settle({ job, begun, context }: Run, outcome: Outcome, reading: Reading, error?: string): void {
  job.record.usage = reading.usage
  ownMade(job, reading.made, context)
  book(job, context, { status: begun.answer.status, outcome, error })
}
