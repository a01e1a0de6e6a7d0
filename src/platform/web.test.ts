/** The control plane sees standard requests and its answers come back whole, streams as they grow. */
import { describe, expect, it } from 'bun:test'
import type { Headers as HeaderList } from '../core/headers.ts'
import { ClientGone, type ClientRequest, type Reply } from '../core/ports/client.ts'
import { serveWeb } from './web.ts'

interface Sent {
  readonly reply: Reply
  status: number
  headers: HeaderList
  length: number | undefined
  readonly pieces: string[]
  isEnded: boolean
}

function collector(): Sent {
  const sent: Sent = {
    status: 0,
    headers: [],
    length: undefined,
    pieces: [],
    isEnded: false,
    reply: {
      start(status, headers, length) {
        Object.assign(sent, { status, headers, length })
      },
      write(bytes) {
        sent.pieces.push(Buffer.from(bytes).toString())
        return undefined
      },
      end(bytes) {
        if (bytes !== undefined) sent.pieces.push(Buffer.from(bytes).toString())
        sent.isEnded = true
      },
      break: () => {},
      get hasStarted() {
        return sent.status !== 0
      },
    },
  }
  return sent
}

const request = (fields: Partial<ClientRequest> = {}): ClientRequest => ({
  method: 'GET',
  path: '/api/accounts',
  query: '',
  headers: [['host', '127.0.0.1']],
  peer: '192.0.2.1',
  signal: new AbortController().signal,
  body: () => Promise.resolve(new Uint8Array(0)),
  ...fields,
})

describe('a request', () => {
  it('reaches the application with its method, path, query, headers, body and peer', async () => {
    const limits: number[] = []
    const sent = collector()
    await serveWeb(
      request({
        method: 'PATCH',
        query: '?a=b%20c',
        headers: [
          ['content-type', 'application/json'],
          ['x-twice', '1'],
          ['x-twice', '2'],
        ],
        body(maxBytes) {
          limits.push(maxBytes)
          return Promise.resolve(Buffer.from('{"ü":1}'))
        },
      }),
      sent.reply,
      async (seen, peer) =>
        Response.json({
          method: seen.method,
          url: seen.url,
          type: seen.headers.get('content-type'),
          twice: seen.headers.get('x-twice'),
          body: await seen.text(),
          peer,
        }),
    )
    expect(JSON.parse(sent.pieces.join(''))).toEqual({
      method: 'PATCH',
      url: 'http://gateway/api/accounts?a=b%20c',
      type: 'application/json',
      twice: '1, 2',
      body: '{"ü":1}',
      peer: '192.0.2.1',
    })
    expect(limits).toEqual([1 << 20])
  })

  it.each(['GET', 'HEAD'])('by %s has no body, and none is read', async (method) => {
    const body = () => Promise.reject(new Error('The body was read.'))
    const sent = collector()
    await serveWeb(request({ method, body }), sent.reply, async (seen) =>
      Response.json({ body: await seen.text() }),
    )
    expect(sent.pieces.join('')).toBe('{"body":""}')
  })

  it('without bytes is one without a body', async () => {
    const sent = collector()
    await serveWeb(request({ method: 'POST' }), sent.reply, async (seen) => Response.json(seen.body === null))
    expect(sent.pieces.join('')).toBe('true')
  })
})

describe('an answer', () => {
  it('comes back with its status, its headers and its exact length', async () => {
    const sent = collector()
    await serveWeb(
      request(),
      sent.reply,
      async () => new Response('ü', { status: 418, headers: { 'x-a': 'b', 'content-length': '999' } }),
    )
    expect(sent).toMatchObject({ status: 418, length: 2, pieces: ['ü'], isEnded: true })
    expect(sent.headers).toContainEqual(['x-a', 'b'])
    expect(sent.headers.map(([name]) => name)).not.toContain('content-length')
  })

  it('without a body is empty', async () => {
    const sent = collector()
    await serveWeb(request(), sent.reply, async () => new Response(null, { status: 204 }))
    expect(sent).toMatchObject({ status: 204, length: 0, pieces: [''], isEnded: true })
  })

  it('that is a stream of events is passed on piece by piece, as it grows', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    const sent = collector()
    const serving = serveWeb(request(), sent.reply, async () => eventStream(readable))
    await writer.write(Buffer.from(': connected\n\n'))
    expect(sent).toMatchObject({
      status: 200,
      length: undefined,
      pieces: [': connected\n\n'],
      isEnded: false,
    })
    await writer.write(Buffer.from('data: 1\n\n'))
    expect(sent.pieces).toHaveLength(2)
    await writer.close()
    await serving
    expect(sent.isEnded).toBe(true)
  })

  it('that is a stream waits for a slow client before it takes more', async () => {
    const taken: number[] = []
    let next = 0
    const readable = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          taken.push(++next)
          if (next > 3) controller.close()
          else controller.enqueue(Buffer.from(`${next}`))
        },
      },
      { highWaterMark: 0 },
    )
    const slow = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const sent = collector()
    const reply: Reply = {
      ...sent.reply,
      write(bytes) {
        void sent.reply.write(bytes)
        begun.resolve()
        return slow.promise
      },
    }
    const serving = serveWeb(request(), reply, async () => eventStream(readable))
    await begun.promise
    expect(taken).toEqual([1])
    slow.resolve()
    await serving
    expect(sent.pieces).toEqual(['1', '2', '3'])
  })

  it('that is a stream is cancelled when the client leaves, and the client is known to be gone', async () => {
    const client = new AbortController()
    const cancelled = Promise.withResolvers<void>()
    const readable = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() })
    const serving = serveWeb(request({ signal: client.signal }), collector().reply, async () =>
      eventStream(readable),
    )
    const outcome = serving.catch((error) => error)
    await Bun.sleep(0)
    client.abort()
    await cancelled.promise
    expect(await outcome).toBeInstanceOf(ClientGone)
  })
})

const eventStream = (body: ReadableStream<Uint8Array>): Response =>
  new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
