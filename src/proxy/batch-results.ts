/**
 * A batch says with an absolute URL where its results are. Left as it is, a client would
 * follow it past the gateway and show its gateway key to the provider (`wire.md` §1.9). The
 * one edit of an answer's body that there is, in the answers that describe batches.
 */
import { headerOf, isOfType } from '../core/headers.ts'
import { isEnd } from '../core/ports/upstream.ts'
import type { ProxyContext } from './context.ts'
import type { Begun } from './hold.ts'
import type { Job } from './job.ts'

/** A page of a thousand batches takes about half of it; what is larger passes as it is. */
const MOST_EDITED_BYTES = 1 << 20
const RESULTS_URL = /("results_url"\s*:\s*")https?:\/\/[^"]*?(?=\/v1\/messages\/batches\/)/g

/** The answer with its results at this gateway, where it names any. */
export async function withOwnResults(job: Job, begun: Begun, context: ProxyContext): Promise<Begun> {
  const { answer } = begun
  const isPlain = (headerOf(answer.headers, 'content-encoding') ?? 'identity') === 'identity'
  if (!isPlain || !isOfType(answer.headers, 'application/json')) return begun
  const pieces = [begun.held]
  let size = begun.held.length
  while (size <= MOST_EDITED_BYTES) {
    const part = await answer.body.read()
    if (isEnd(part)) {
      const next = Promise.resolve(part)
      const whole = Buffer.concat(pieces)
      if (part.end !== 'clean') return { ...begun, held: whole, next }
      const held = Buffer.from(whole.toString().replace(RESULTS_URL, `$1${originOf(job, context)}`))
      return { ...begun, held, next, answer: { ...answer, contentLength: held.length } }
    }
    pieces.push(part)
    size += part.length
  }
  return { ...begun, held: Buffer.concat(pieces) }
}

/** As the client calls this gateway; the name was checked at the door. */
function originOf({ request }: Job, { settings }: ProxyContext): string {
  const { publicUrl, isSecure } = settings()
  const host = headerOf(request.headers, 'host') ?? ''
  return publicUrl === '' ? `${isSecure ? 'https' : 'http'}://${host}` : publicUrl
}
