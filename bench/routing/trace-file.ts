/**
 * Traces as compact text: a line of JSON with the accounts, then a line for each request. What
 * follows from the lines before is left out. Reading what was written gives the same trace.
 */
import { later, type Millis } from '../../src/core/time.ts'
import type { Trace, TraceRequest } from '../../src/simulation/trace.ts'

/** Times of requests are multiples of it. */
export const TICK_MS = 100

/**
 * Gap to the request before and duration in ticks; conversations by number, in the order of
 * their first requests; by how much the prompt is longer than the one before; `cached` is empty
 * where all of that one is in the cache. A conversation's first line has its name and which of
 * the head's kinds it is.
 */
const COLUMNS = 'gap,conversation,growth,cached,output,duration,name,kind'

type Kind = Pick<TraceRequest, 'model' | 'class' | 'cacheLifeMs'>

interface Head extends Omit<Trace, 'requests'> {
  readonly kinds: readonly Kind[]
}

/** Of a conversation, so far. */
interface Talk {
  readonly number: number
  readonly name: string
  readonly kind: Kind
  /** Of its last request. */
  readonly promptTokens: number
}

export function writeTrace({ requests, ...trace }: Trace): string {
  const kinds = new Map<string, Kind>()
  const talks = new Map<string, Talk>()
  let before: number = trace.startsAt
  const lines = requests.map((request) => {
    const { at, conversation: name, model, class: work, cacheLifeMs, promptTokens } = request
    const kind = { model, class: work, cacheLifeMs }
    const kindName = Object.values(kind).join()
    kinds.set(kindName, kind)
    const known = talks.get(name)
    const number = known?.number ?? talks.size + 1
    talks.set(name, { number, name, kind, promptTokens })
    const fields = [ticks(at - before), number, ...fieldsOf(request, known?.promptTokens ?? 0)]
    before = at
    return [...fields, ...(known === undefined ? [name, [...kinds.keys()].indexOf(kindName)] : [])].join()
  })
  const head: Head = { ...trace, kinds: [...kinds.values()] }
  return [JSON.stringify(head), COLUMNS, ...lines, ''].join('\n')
}

function fieldsOf(request: TraceRequest, before: number): readonly (string | number)[] {
  const { promptTokens, cachedTokens, outputTokens, durationMs } = request
  return [promptTokens - before, cachedTokens === before ? '' : cachedTokens, outputTokens, ticks(durationMs)]
}

function ticks(ms: number): number {
  if (ms % TICK_MS !== 0) throw new Error(`${ms} ms is not a multiple of ${TICK_MS}.`)
  return ms / TICK_MS
}

export function readTrace(text: string): Trace {
  const [head = '', columns, ...lines] = text.trimEnd().split('\n')
  if (columns !== COLUMNS) throw new Error(`The second line of a trace must be "${COLUMNS}".`)
  const { kinds, ...trace }: Head = JSON.parse(head)
  const talks = new Map<string, Talk>()
  let at = trace.startsAt
  const requests = lines.map((line) => {
    const request = readRequest(line, { talks, kinds, before: at })
    at = request.at
    return request
  })
  return { ...trace, requests }
}

interface Reading {
  readonly talks: Map<string, Talk>
  readonly kinds: readonly Kind[]
  readonly before: Millis
}

function readRequest(line: string, { talks, kinds, before }: Reading): TraceRequest {
  const [gap, number = '', growth, cached, output, duration, name = '', kindNumber] = line.split(',')
  const kind = kinds[Number(kindNumber)]
  const first = kind && { number: Number(number), name, kind, promptTokens: 0 }
  const talk = talks.get(number) ?? first
  if (talk === undefined) throw new Error(`The first line of conversation ${number} does not say its kind.`)
  const promptTokens = talk.promptTokens + Number(growth)
  talks.set(number, { ...talk, promptTokens })
  return {
    at: later(before, Number(gap) * TICK_MS),
    conversation: talk.name,
    promptTokens,
    cachedTokens: cached === '' ? talk.promptTokens : Number(cached),
    outputTokens: Number(output),
    durationMs: Number(duration) * TICK_MS,
    ...talk.kind,
  }
}
