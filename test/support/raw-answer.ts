/**
 * Reads an HTTP/1.1 answer out of a raw client's bytes, whole or not: what a client can tell
 * of it, and whether the end of the message was there. Deliberately not the program's parser.
 */
import { connectRaw, type RawClient } from './raw-client.ts'
import { within } from './within.ts'

export interface RawAnswer {
  readonly status: number
  /** Names in lower case, values as Latin-1, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Without chunk framing. */
  readonly body: Buffer
  /** The message's own end was there: its length reached, or its last chunk. */
  readonly isWhole: boolean
  /** How the connection ended; undefined while it is open. */
  readonly ended: 'end' | 'reset' | undefined
}

const HEAD_END = '\r\n\r\n'

/** Undefined as long as there is no whole (final) head. */
export function parseAnswer(bytes: Buffer, ended?: 'end' | 'reset'): RawAnswer | undefined {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  const rest = bytes.subarray(end + HEAD_END.length)
  if (status < 200) return parseAnswer(rest, ended)
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trimStart()] as const
  })
  const value = (name: string) => headers.find((header) => header[0] === name)?.[1]
  const length = value('content-length')
  const isChunked = value('transfer-encoding') === 'chunked'
  const { body, isWhole } = isChunked ? dechunk(rest) : ofLength(rest, status === 204 ? '0' : length)
  return { status, headers, body, isWhole, ended }
}

export const headerOf = ({ headers }: RawAnswer, name: string): string | undefined =>
  headers.find((header) => header[0] === name)?.[1]

interface Body {
  readonly body: Buffer
  readonly isWhole: boolean
}

function ofLength(rest: Buffer, length: string | undefined): Body {
  if (length === undefined) return { body: rest, isWhole: false }
  return { body: rest.subarray(0, Number(length)), isWhole: rest.length >= Number(length) }
}

function dechunk(bytes: Buffer): Body {
  const pieces: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return { body: Buffer.concat(pieces), isWhole: false }
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const start = lineEnd + 2
    if (size === 0) {
      return { body: Buffer.concat(pieces), isWhole: bytes.indexOf('\r\n', start) === start }
    }
    pieces.push(bytes.subarray(start, start + size))
    if (bytes.length < start + size + 2) return { body: Buffer.concat(pieces), isWhole: false }
    at = start + size + 2
  }
}

/** What has come so far, parsed; resolves when the answer is whole or its connection has ended. */
export async function answerOn(client: RawClient): Promise<RawAnswer> {
  const done = client.when(endOf(client)).then(
    () => undefined,
    () => client.ended,
  )
  const ended = await within(Promise.race([done, client.ended]), 'the end of an answer')
  const answer = parseAnswer(client.received(), ended)
  if (answer === undefined) throw new Error(`No answer came: ${JSON.stringify(client.text())}`)
  return answer
}

const MOST_HEAD_BYTES = 64 << 10
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Whether the answer is whole, looked at anew with each piece without parsing it all each time. */
function endOf(client: RawClient): () => boolean {
  let length: number | undefined
  return () => {
    if (client.size < MOST_HEAD_BYTES) return parseAnswer(client.received())?.isWhole === true
    length ??= wholeLength(client.received())
    if (!Number.isNaN(length)) return client.size >= length
    return (
      client.tail(LAST_CHUNK.length).equals(LAST_CHUNK) && parseAnswer(client.received())?.isWhole === true
    )
  }
}

/** Of head and body together; NaN where the head does not say. */
function wholeLength(bytes: Buffer): number {
  const answer = parseAnswer(bytes)
  const length = answer === undefined ? undefined : headerOf(answer, 'content-length')
  return length === undefined ? Number.NaN : bytes.indexOf(HEAD_END) + HEAD_END.length + Number(length)
}

/** One request on a connection of its own, and what came back. */
export async function exchange(url: string, request: string | Uint8Array): Promise<RawAnswer> {
  const client = await connectRaw(url)
  client.write(request)
  const answer = await answerOn(client)
  client.close()
  return answer
}
