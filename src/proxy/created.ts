/**
 * Answers that say what was made and where its results are (files, batches). They are read
 * whole before they are handed on, because both matter for later requests: whose it is, and
 * that a client comes back here. A batch names its results with an absolute URL; followed
 * past the gateway, it would show the provider the client's gateway key (`wire.md` §1.9).
 */
import { headerOf } from '../core/headers.ts'
import { isEnd } from '../core/ports/upstream.ts'
import type { ProxyContext } from './context.ts'
import type { Begun } from './hold.ts'
import type { Job } from './job.ts'

/** A page of a thousand batches takes about half of it; what is larger passes as it comes. */
const MOST_READ_BYTES = 1 << 20
const RESULTS_URL = /("results_url"\s*:\s*")https?:\/\/[^"]*?(?=\/v1\/messages\/batches\/)/g

/** Reads on to the end, or to more than a description takes. */
export async function readOn(begun: Begun): Promise<Begun> {
  const pieces = [begun.held]
  let size = begun.held.length
  while (size <= MOST_READ_BYTES) {
    const part = await begun.answer.body.read()
    if (isEnd(part)) return { ...begun, held: Buffer.concat(pieces), next: Promise.resolve(part) }
    pieces.push(part)
    size += part.length
  }
  return { ...begun, held: Buffer.concat(pieces) }
}

/** A whole answer with its results at this gateway, where it names any. */
export function withOwnResults(job: Job, begun: Begun, context: ProxyContext): Begun {
  const { answer } = begun
  const isPlain = (headerOf(answer.headers, 'content-encoding') ?? 'identity') === 'identity'
  if (!isPlain || !answer.body.isComplete) return begun
  // Latin-1 keeps every byte as it is, whatever it means.
  const text = Buffer.from(begun.held).toString('latin1')
  const edited = text.replace(RESULTS_URL, `$1${originOf(job, context)}`)
  if (edited === text) return begun
  const held = Buffer.from(edited, 'latin1')
  return { ...begun, held, answer: { ...answer, contentLength: held.length } }
}

/** As the client calls this gateway; the name was checked at the door. */
function originOf({ request }: Job, { settings }: ProxyContext): string {
  const { publicUrl, isSecure } = settings()
  const host = headerOf(request.headers, 'host') ?? ''
  return publicUrl === '' ? `${isSecure ? 'https' : 'http'}://${host}` : publicUrl
}
