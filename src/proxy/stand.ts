/**
 * Lets one request stand in the waiting line until it need not, its time has come, or its
 * client has left; streams that are held are kept alive. Must not decide what comes after:
 * it is chosen anew each time.
 */
import { type Chosen, choose, type WaitStep } from './choose.ts'
import type { ProxyContext } from './context.ts'
import type { Job } from './job.ts'
import type { Run } from './serve.ts'

/** Nobody is asked again more often than that without a change. */
const LEAST_WAIT_MS = 25

/** What was chosen when the wait was over; undefined when the client has left. */
export async function waitInLine(
  job: Job,
  run: Run,
  { until, cause }: WaitStep,
  context: ProxyContext,
): Promise<Chosen | undefined> {
  const { clock, line } = context
  const { startedAt, facts, key, request, held } = job
  const startedElapsed = clock.elapsed()
  const before = run.waitedMs
  let chosen: Chosen | undefined
  const isDone = (): boolean => {
    run.waitedMs = before + (clock.elapsed() - startedElapsed)
    const next = choose(job, run, context)
    if (next.step.kind !== 'wait') chosen = next
    return chosen !== undefined
  }
  if (cause === 'held') held?.keepAlive()
  const leaving = await line.stand({
    id: job.id,
    class: facts.class,
    cause,
    since: startedAt,
    until: Math.max(until, clock.now() + LEAST_WAIT_MS) as typeof until,
    bytes: job.body.length,
    model: facts.model,
    key: key?.name,
    session: facts.session,
    signal: request.signal,
    isDone,
  })
  run.waitedMs = before + (clock.elapsed() - startedElapsed)
  if (leaving === 'aborted') return undefined
  run.isUrgent ||= leaving === 'stopped' || leaving === 'full'
  return chosen ?? choose(job, run, context)
}
