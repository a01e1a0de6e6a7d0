/**
 * How the official SDK takes what goes wrong: the error class of every status, its own
 * retries (which must not multiply with the gateway's), aborts, and answers that break off,
 * which it must never take for whole ones (`wire.md` §1.6, G3, G4).
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import {
  BROKEN_STREAMS,
  CUT_MESSAGE,
  ERROR_IN_STREAM,
  EVENTS_BEFORE,
  MODEL,
  QUESTION,
  SDKS,
  STALLED_STREAM,
} from '../support/sdk.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

/** The gateway’s own pauses are not what is tested here. */
const SWIFT = { retryDelayMs: 1 }

type ErrorClass =
  | 'APIError'
  | 'AuthenticationError'
  | 'BadRequestError'
  | 'ConflictError'
  | 'InternalServerError'
  | 'NotFoundError'
  | 'PermissionDeniedError'
  | 'RateLimitError'
  | 'UnprocessableEntityError'

const ERRORS: [status: number, name: ErrorClass, type: string, upstream: reply.Reply][] = [
  [400, 'BadRequestError', 'invalid_request_error', reply.badRequest],
  [401, 'AuthenticationError', 'authentication_error', reply.unauthorized],
  [403, 'PermissionDeniedError', 'permission_error', reply.forbidden],
  [404, 'NotFoundError', 'not_found_error', reply.unknownModel(MODEL)],
  [409, 'ConflictError', 'conflict_error', reply.refusal(409, 'conflict_error', 'Busy.')],
  [413, 'APIError', 'request_too_large', reply.refusal(413, 'request_too_large', 'Too large.')],
  [422, 'UnprocessableEntityError', 'api_error', reply.refusal(422, 'api_error', 'Cannot be processed.')],
  [429, 'RateLimitError', 'rate_limit_error', reply.throttled(30)],
  [429, 'RateLimitError', 'rate_limit_error', reply.refusedWithoutReason],
  [500, 'InternalServerError', 'api_error', reply.serverError],
  [503, 'InternalServerError', 'api_error', reply.overloaded],
]

const TEXT = simulatedMessage(MODEL, { number: 1, body: Buffer.alloc(0) }).text

const STREAM_HEAD = reply.head(200, [
  ['content-type', 'text/event-stream'],
  ['transfer-encoding', 'chunked'],
])

/** Ways to break before the first content: the client never learns of them. */
const BROKEN_HEADS: [how: string, upstream: reply.Reply][] = [
  ['a reset before the head', [reply.reset]],
  ['an end after the head', reply.brokenStream([], [reply.close])],
  ['garbage in one piece with the head', [reply.send(`${STREAM_HEAD}not a length\r\n`)]],
  ['an error for a first event', reply.errorFirst('overloaded_error', 'Overloaded')],
]

let world: World
afterEach(() => world.stop())

describe.each(SDKS)('%s', (_name, Sdk) => {
  const connect = (options: Partial<ConstructorParameters<typeof Sdk>[0]> = {}) =>
    new Sdk({ baseURL: world.url, apiKey: 'not-looked-at', maxRetries: 0, ...options })
  const open = async (broken: reply.Reply | undefined, accounts: readonly string[] = ['a']) => {
    world = await openWorld({ accounts, settings: SWIFT })
    for (const name of accounts) world.simulator.always(keyOf(name), broken)
    return connect()
  }
  const errorOf = async (call: () => PromiseLike<unknown>) => {
    const error = await fateOf(call)
    if (error instanceof Sdk.APIError) return error
    throw new Error('This was to fail with an APIError.', { cause: error })
  }

  describe('errors', () => {
    it.each(ERRORS)('makes %i a %s of type %s', async (status, name, type, broken) => {
      const client = await open(broken)
      const error = await errorOf(() => client.messages.create(QUESTION))
      expect(error.status).toBe(status)
      expect(error).toBeInstanceOf(Sdk[name])
      expect(String(error.type)).toBe(type)
      const [row] = await world.rows(1)
      expect(row?.status).toBe(status)
      expect(error.headers?.get('x-spillway-request-id')).toBe(row?.id ?? '')
    })

    it.each([true, false])('shows a request’s own mistake word for word, stream: %p', async (stream) => {
      const client = await open(reply.badRequest)
      const error = await errorOf(() => client.messages.create({ ...QUESTION, stream }))
      expect(error.error).toEqual({
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message: 'prompt is too long: 300000 tokens > 200000 maximum',
        },
        request_id: 'req_simulated',
      })
      expect(world.simulator.received).toHaveLength(1)
    })

    it('shows the upstream’s request id where there is one', async () => {
      const client = await open(
        reply.refusal(400, 'invalid_request_error', 'No.', [['request-id', 'req_of_theirs']]),
      )
      expect((await errorOf(() => client.messages.create(QUESTION))).requestID).toBe('req_of_theirs')
    })

    it('says when a limited pool can serve again', async () => {
      const client = await open(undefined, ['a', 'b'])
      world.simulator.always(keyOf('a'), reply.throttled(50))
      world.simulator.always(keyOf('b'), reply.throttled(20))
      const error = await errorOf(() => client.messages.create(QUESTION))
      expect(error).toBeInstanceOf(Sdk.RateLimitError)
      const seconds = Number(error.headers?.get('retry-after'))
      expect(seconds).toBeGreaterThan(15)
      expect(seconds).toBeLessThanOrEqual(20)
    })

    it('waits for a file’s account rather than ask one that does not have the file', async () => {
      const client = await open(undefined, ['a', 'b'])
      const file = new File(['row'], 'rows.csv')
      const { data, response } = await client.beta.files.upload({ file }).withResponse()
      const maker = response.headers.get('x-spillway-account') ?? ''
      world.simulator.always(keyOf(maker), reply.throttled(30))
      const error = await errorOf(() => client.beta.files.retrieveMetadata(data.id))
      expect(error).toBeInstanceOf(Sdk.RateLimitError)
      expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(25)
      expect(world.simulator.requestsOf(keyOf(maker === 'a' ? 'b' : 'a'))).toHaveLength(0)
    })

    it('is an APIConnectionError when there is no gateway', async () => {
      const client = await open(undefined)
      const gone = new URL(world.url)
      await world.restart()
      expect(new URL(world.url).port).not.toBe(gone.port)
      const error = await errorOf(() => client.messages.create(QUESTION))
      expect(error).toBeInstanceOf(Sdk.APIConnectionError)
    })
  })

  describe('its own retries', () => {
    it('are served one attempt each, so that they do not multiply with the gateway’s', async () => {
      await open(quickly(reply.serverError))
      const error = await errorOf(() => connect({ maxRetries: 2 }).messages.create(QUESTION))
      expect(error.status).toBe(500)
      const rows = await world.rows(3)
      expect(rows.map(({ attempts }) => attempts.length)).toEqual([3, 1, 1])
      expect(world.simulator.received).toHaveLength(5)
      expect(world.simulator.received.map(retryCountOf)).toEqual(['0', '0', '0', '1', '2'])
    })

    it('are not needed while another account can serve', async () => {
      await open(undefined, ['a', 'b'])
      for (const name of ['a', 'b']) world.simulator.script(keyOf(name), reply.overloaded)
      await connect({ maxRetries: 2 }).messages.create(QUESTION)
      expect((await world.rows(1))[0]).toMatchObject({ outcome: 'ok', status: 200 })
    })

    it('wait as long as the limited pool says, and are served then', async () => {
      await open(undefined)
      world.simulator.script(keyOf('a'), reply.throttled(1))
      const answer = await connect({ maxRetries: 1 }).messages.create(QUESTION)
      expect(answer.stop_reason).toBe('end_turn')
      expect((await world.rows(2)).map(({ status }) => status)).toEqual([429, 200])
      expect(world.simulator.received).toHaveLength(2)
    })

    it.each([
      ['a key that every provider refuses', reply.unauthorized],
      ['a model that no plan has', reply.forbidden],
      ['a mistake of the request', reply.badRequest],
    ])('are spared for %s', async (_what, broken) => {
      await open(broken)
      await errorOf(() => connect({ maxRetries: 2 }).messages.create(QUESTION))
      expect(world.simulator.received).toHaveLength(1)
    })
  })

  describe('leaving', () => {
    it('reaches the upstream in the middle of a stream, and what was used is booked', async () => {
      const client = await open(STALLED_STREAM)
      const controller = new AbortController()
      const stream = await client.messages.create(
        { ...QUESTION, stream: true },
        { signal: controller.signal },
      )
      let seen = 0
      for await (const _ of stream) if (++seen === EVENTS_BEFORE) controller.abort()
      await world.simulator.received[0]?.abandoned
      expect((await world.rows(1))[0]).toMatchObject({ outcome: 'aborted', inputTokens: 10 })
    })

    it('reaches the upstream when a program breaks out of its loop', async () => {
      const client = await open(STALLED_STREAM)
      for await (const { type } of await client.messages.create({ ...QUESTION, stream: true }))
        if (type === 'content_block_delta') break
      await world.simulator.received[0]?.abandoned
      expect((await world.rows(1))[0]?.outcome).toBe('aborted')
    })

    it('reaches the upstream when messages.stream() is aborted', async () => {
      const client = await open(STALLED_STREAM)
      const stream = client.messages.stream(QUESTION)
      stream.on('text', () => stream.abort())
      expect(await fateOf(() => stream.finalMessage())).toBeInstanceOf(Sdk.APIUserAbortError)
      await world.simulator.received[0]?.abandoned
      expect((await world.rows(1))[0]?.outcome).toBe('aborted')
    })

    it.each([true, false])('reaches the upstream before its answer has begun, stream: %p', async (stream) => {
      const client = await open([reply.stall])
      const controller = new AbortController()
      const fate = fateOf(() =>
        client.messages.create({ ...QUESTION, stream }, { signal: controller.signal }),
      )
      const received = await eventually(() => world.simulator.received[0], 'the upstream to be asked')
      controller.abort()
      await received.abandoned
      expect(await fate).toBeInstanceOf(Sdk.APIUserAbortError)
      expect((await world.rows(1))[0]).toMatchObject({ outcome: 'aborted', status: 0 })
    })

    it('reaches the upstream when the SDK’s own time limit is over', async () => {
      const client = await open([reply.stall])
      const error = await errorOf(() => client.messages.create(QUESTION, { timeout: 50 }))
      expect(error).toBeInstanceOf(Sdk.APIConnectionTimeoutError)
      await world.simulator.received[0]?.abandoned
      expect((await world.rows(1))[0]?.outcome).toBe('aborted')
    })
  })

  describe('answers that break off', () => {
    it.each(BROKEN_STREAMS)('by %s fail create({ stream: true })', async (_how, broken) => {
      const client = await open(broken)
      const seen: string[] = []
      const error = await fateOf(async () => {
        for await (const { type } of await client.messages.create({ ...QUESTION, stream: true }))
          seen.push(type)
      })
      expect(error).toMatchObject({ code: 'ECONNRESET' })
      expect(seen.length).toBeGreaterThanOrEqual(EVENTS_BEFORE)
      expect(seen).not.toContain('message_stop')
      expect((await world.rows(1))[0]).toMatchObject({ outcome: 'truncated', usageComplete: false })
    })

    it.each(BROKEN_STREAMS)('by %s fail messages.stream()', async (_how, broken) => {
      const client = await open(broken)
      const error = await fateOf(() => client.messages.stream(QUESTION).finalMessage())
      expect(error).toBeInstanceOf(Sdk.AnthropicError)
      expect((await world.rows(1))[0]?.outcome).toBe('truncated')
    })

    it('fail when they were not streamed either', async () => {
      const client = await open(CUT_MESSAGE)
      expect(await fateOf(() => client.messages.create(QUESTION))).toMatchObject({ code: 'ECONNRESET' })
      expect((await world.rows(1))[0]?.outcome).toBe('truncated')
    })

    it.each(BROKEN_HEADS)(
      'by %s are another account’s to give: nothing has gone out',
      async (_how, broken) => {
        world = await openWorld({ accounts: ['first', { name: 'second', priority: 1 }] })
        world.simulator.always(keyOf('first'), broken)
        const final = await connect().messages.stream(QUESTION).finalMessage()
        expect(final.content).toMatchObject([{ type: 'text', text: TEXT }])
        expect((await world.rows(1))[0]).toMatchObject({ outcome: 'ok', account: 'second' })
      },
    )

    it('are told as what they are when the upstream says so in the stream', async () => {
      const client = await open(ERROR_IN_STREAM)
      const error = await errorOf(() => client.messages.stream(QUESTION).finalMessage())
      expect(error.type).toBe('overloaded_error')
      expect((await world.rows(1))[0]).toMatchObject({
        outcome: 'upstream-error',
        error: 'overloaded_error: Overloaded',
      })
    })

    it('are broken once, and nothing is asked again behind the client’s back', async () => {
      await open(BROKEN_STREAMS[0]?.[1], ['a', 'b'])
      await fateOf(() => connect({ maxRetries: 2 }).messages.stream(QUESTION).finalMessage())
      expect(world.simulator.received).toHaveLength(1)
    })
  })
})

/** The same refusal with a word to the SDK that it need not wait long. */
const quickly = (refusal: reply.Reply): reply.Reply =>
  refusal.map((action) =>
    action.kind === 'send' && typeof action.bytes === 'string'
      ? reply.send(action.bytes.replace('\r\n', '\r\nretry-after-ms: 1\r\n'))
      : action,
  )

const retryCountOf = ({ headers }: World['simulator']['received'][number]): string | undefined =>
  headers.find(([name]) => name === 'x-stainless-retry-count')?.[1]

/** What a call throws; undefined when it does not. */
async function fateOf(call: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await call()
    return undefined
  } catch (error) {
    return error
  }
}
