/**
 * The Vercel AI SDK through the gateway: generateText, streamText, tools, errors, its
 * retries, aborts, and streams that break off, which it must never take for whole ones.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import { APICallError, generateText, isStepCount, RetryError, streamText, tool } from 'ai'
import { z } from 'zod'
import * as reply from '../../src/simulator/replies.ts'
import {
  BROKEN_STREAMS,
  CUT_MESSAGE,
  ERROR_IN_STREAM,
  isStreamed,
  MODEL,
  richReply,
  STALLED_STREAM,
} from '../support/sdk.ts'
import { eventually, keyOf, openWorld, type World, type WorldOptions } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const PROMPT = 'Is this index used?'
const TEXT = 'This is the simulated provider speaking.'

/** The SDK would print errors as well. */
const SILENT = { onError: () => {} }

type Connection = Parameters<typeof createAnthropic>[0]

const connect = (options: Connection = {}) =>
  createAnthropic({ baseURL: `${world.url}/v1`, apiKey: 'not-looked-at', ...options })(MODEL)

async function open(upstream: reply.Reply | undefined, options: WorldOptions = {}) {
  world = await openWorld({ settings: { retryDelayMs: 1 }, ...options })
  world.simulator.always(keyOf('a'), upstream)
  return { model: connect(), prompt: PROMPT, maxRetries: 0 }
}

describe('answers', () => {
  it('come whole from generateText, with usage and headers', async () => {
    const { text, usage, finishReason, response } = await generateText(await open(undefined))
    expect(text).toBe(TEXT)
    expect(finishReason).toBe('stop')
    const [row] = await world.rows(1)
    expect(usage.outputTokens).toBe(12)
    expect(row).toMatchObject({ outcome: 'ok', stream: false, outputTokens: 12 })
    expect(usage.inputTokens).toBe((row?.inputTokens ?? 0) + (row?.cacheReadTokens ?? 0))
    expect(response.headers?.['x-spillway-request-id']).toBe(row?.id ?? '')
  })

  it('come in words from streamText', async () => {
    const result = streamText(await open(undefined))
    const words: string[] = []
    for await (const word of result.textStream) words.push(word)
    expect(words.join('')).toBe(TEXT)
    expect(words.length).toBeGreaterThan(1)
    expect(await result.finishReason).toBe('stop')
    expect((await result.usage).outputTokens).toBe(12)
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'ok', stream: true })
  })

  it.each([
    ['apiKey', 'x-api-key'],
    ['authToken', 'authorization'],
  ] as const)('are given to a client key as %s, which stays here', async (option, header) => {
    await open(undefined)
    const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
    const sent: Headers[] = []
    const model = createAnthropic({
      baseURL: `${world.url}/v1`,
      [option]: secret,
      fetch: Object.assign(
        (url: Parameters<typeof fetch>[0], init?: RequestInit) => {
          sent.push(new Headers(init?.headers))
          return fetch(url, init)
        },
        { preconnect: fetch.preconnect },
      ),
    })(MODEL)
    await generateText({ model, prompt: PROMPT })
    expect(sent[0]?.get(header)).toContain(secret)
    expect((await world.rows(1))[0]).toMatchObject({ key: 'laptop', outcome: 'ok' })
    expect(JSON.stringify(world.simulator.received[0]?.headers)).not.toContain(secret)
  })
})

describe('tools', () => {
  const explain = (seen: string[]) =>
    tool({
      description: 'The plan of a query.',
      inputSchema: z.object({ sql: z.string() }),
      execute: async ({ sql }) => {
        seen.push(sql)
        return 'Index Only Scan'
      },
    })

  it.each([true, false])('are called and their results go back, stream: %p', async (stream) => {
    const base = await open(undefined, { accounts: ['a', 'b'] })
    for (const name of ['a', 'b']) world.simulator.script(keyOf(name), richReply)
    const seen: string[] = []
    const call = { ...base, tools: { explain_query: explain(seen) }, stopWhen: isStepCount(3) }
    const text = stream ? await streamText(call).text : (await generateText(call)).text
    expect(text).toBe(TEXT)
    expect(seen).toEqual(['select 1 where name = "ü"'])
    const [first, second] = world.simulator.received
    expect(second?.key).toBe(first?.key ?? '')
    expect(second !== undefined && isStreamed(second)).toBe(stream)
    const { messages } = JSON.parse(String(second?.body))
    expect(messages.at(-1).content[0]).toMatchObject({
      type: 'tool_result',
      tool_use_id: 'toolu_01Simulated',
    })
    expect(await world.rows(2)).toMatchObject([{ outcome: 'ok' }, { outcome: 'ok' }])
  })
})

describe('errors', () => {
  it.each<[number, boolean, reply.Reply]>([
    [400, false, reply.badRequest],
    [401, false, reply.unauthorized],
    [403, false, reply.forbidden],
    [404, false, reply.unknownModel(MODEL)],
    [413, false, reply.refusal(413, 'request_too_large', 'Too large.')],
    [429, true, reply.throttled(30)],
    [500, true, reply.serverError],
    [503, true, reply.overloaded],
  ])('of status %i are APICallErrors, worth a retry: %p', async (status, isRetryable, upstream) => {
    const base = await open(upstream)
    for (const fate of [
      fateOf(generateText(base)),
      fateOf(drain(streamText({ ...base, ...SILENT }).fullStream)),
    ]) {
      const error = await fate
      expect(APICallError.isInstance(error)).toBe(true)
      expect(error).toMatchObject({ statusCode: status, isRetryable })
      const id = APICallError.isInstance(error) ? error.responseHeaders?.['x-spillway-request-id'] : undefined
      expect((await world.rows(1)).some((row) => row.id === id)).toBe(true)
    }
  })

  it('show a request’s own mistake word for word', async () => {
    const error = await fateOf(generateText(await open(reply.badRequest)))
    expect(error).toMatchObject({ message: 'prompt is too long: 300000 tokens > 200000 maximum' })
  })

  it('name the account and its reason when nobody can serve', async () => {
    const error = await fateOf(generateText(await open(reply.throttled(30))))
    expect(error).toMatchObject({ message: expect.stringContaining('a: it throttles requests') })
    expect(error).toMatchObject({ responseHeaders: { 'retry-after': '30' } })
  })

  it('are retried by the SDK as long as the pool says, and no more often than that', async () => {
    const base = await open(undefined)
    world.simulator.script(keyOf('a'), reply.throttled(1), reply.throttled(1))
    const { text } = await generateText({ ...base, maxRetries: 2 })
    expect(text).toBe(TEXT)
    expect((await world.rows(3)).map(({ status }) => status)).toEqual([429, 429, 200])
    expect(world.simulator.received).toHaveLength(3)
  })

  it('end its retries when they go on', async () => {
    const base = await open(undefined)
    world.simulator.always(keyOf('a'), reply.throttled(1))
    const error = await fateOf(generateText({ ...base, maxRetries: 1 }))
    expect(RetryError.isInstance(error)).toBe(true)
    expect(world.simulator.received).toHaveLength(2)
  })
})

describe('leaving', () => {
  it.each([true, false])('reaches the upstream before its answer, stream: %p', async (stream) => {
    const base = await open([reply.stall])
    const controller = new AbortController()
    const call = { ...base, abortSignal: controller.signal }
    const fate = fateOf(stream ? drain(streamText({ ...call, ...SILENT }).fullStream) : generateText(call))
    const received = await eventually(() => world.simulator.received[0], 'the upstream to be asked')
    controller.abort()
    await received.abandoned
    await fate
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'aborted' })
  })

  it('reaches the upstream in the middle of a stream, and what was used is booked', async () => {
    const base = await open(STALLED_STREAM)
    const controller = new AbortController()
    const { textStream } = streamText({ ...base, abortSignal: controller.signal })
    for await (const _ of textStream) controller.abort()
    await world.simulator.received[0]?.abandoned
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'aborted', inputTokens: 10 })
  })
})

describe('answers that break off', () => {
  it.each(BROKEN_STREAMS)('by %s are no answers', async (_how, broken) => {
    const result = streamText({ ...(await open(broken)), ...SILENT })
    const types: string[] = []
    const error = await fateOf(
      drain(result.fullStream, ({ type }) => {
        types.push(type)
      }),
    )
    expect(error).toBeDefined()
    expect(types).toContain('text-delta')
    expect(types).not.toContain('finish')
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'truncated', usageComplete: false })
  })

  it('are no answers when they were not streamed either', async () => {
    expect(await fateOf(generateText(await open(CUT_MESSAGE)))).toBeInstanceOf(Error)
    expect((await world.rows(1))[0]?.outcome).toBe('truncated')
  })

  it('are told as what they are when the upstream says so in the stream', async () => {
    const result = streamText({ ...(await open(ERROR_IN_STREAM)), ...SILENT })
    expect(String(await fateOf(drain(result.fullStream)))).toContain('Overloaded')
    expect((await world.rows(1))[0]).toMatchObject({ outcome: 'upstream-error' })
  })
})

/** Reads a stream to its end; an error in it is thrown, whether it comes as a part or by itself. */
async function drain<Part extends { readonly type: string }>(
  stream: AsyncIterable<Part>,
  onPart: (part: Part) => void = () => {},
): Promise<void> {
  for await (const part of stream) {
    onPart(part)
    if (part.type === 'error' && 'error' in part) throw part.error
  }
}

async function fateOf(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call
    return undefined
  } catch (error) {
    return error
  }
}
