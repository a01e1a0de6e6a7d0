/** Requests as bytes and as bodies, for tests that look at every byte. */

/** A body that the gateway can route; everything else in it is the test's. */
export const bodyOf = (fields: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    model: 'claude-sonnet-5-5',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'Is this index used?' }],
    ...fields,
  })

export interface RequestPlan {
  readonly method?: string
  readonly target?: string
  /** Header lines as they are to stand on the wire, in their order; `host` comes by itself. */
  readonly lines?: readonly string[]
  readonly body?: string | Uint8Array
}

/** Any request with any header lines, its length counted. */
export function requestBytes({
  method = 'POST',
  target = '/v1/messages',
  lines = [],
  body = bodyOf(),
}: RequestPlan = {}): Buffer {
  const bytes = Buffer.from(body)
  const all = [
    'host: 127.0.0.1',
    'content-type: application/json',
    ...lines,
    `content-length: ${bytes.length}`,
  ]
  const head = `${method} ${target} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}

/** The same, its body in chunks of `size` bytes. */
export function chunkedRequestBytes(body: string | Uint8Array, size: number): Buffer {
  const bytes = Buffer.from(body)
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size)
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  const head =
    'POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
  return Buffer.concat([Buffer.from(head), ...pieces, Buffer.from('0\r\n\r\n')])
}
