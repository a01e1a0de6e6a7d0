/**
 * The official SDK through the gateway: answers whole and streamed, tools, counts, models,
 * files, batches and keys. How it takes errors and broken answers is in
 * anthropic-sdk-errors.test.ts.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { streamEvents, wholeMessage } from '../../src/simulator/events.ts'
import * as reply from '../../src/simulator/replies.ts'
import type { Received } from '../../src/simulator/simulator.ts'
import { MODEL, QUESTION, richMessage, richReply, SDKS, TOOLS } from '../support/sdk.ts'
import { keyOf, openWorld, type World, type WorldOptions } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

describe.each(SDKS)('%s', (_name, Sdk) => {
  const connect = (options: Partial<ConstructorParameters<typeof Sdk>[0]> = {}) =>
    new Sdk({ baseURL: world.url, apiKey: 'not-looked-at', maxRetries: 0, ...options })
  const open = async (options?: WorldOptions) => {
    world = await openWorld(options)
    return connect()
  }

  describe('messages', () => {
    it('gets a whole answer, its usage and both request ids', async () => {
      const client = await open()
      world.simulator.always(keyOf('a'), richReply)
      const { data, response, request_id } = await client.messages
        .create({ ...QUESTION, tools: TOOLS })
        .withResponse()
      expect(data).toEqual(JSON.parse(wholeMessage(richMessage(NONE))))
      expect(request_id).toBe('req_msg_000001')
      const [row] = await world.rows(1)
      expect(response.headers.get('x-spillway-request-id')).toBe(row?.id ?? '')
      expect(response.headers.get('x-spillway-account')).toBe('a')
      expect(row).toMatchObject({
        outcome: 'ok',
        stream: false,
        inputTokens: 11,
        outputTokens: 37,
        cacheReadTokens: 2_048,
        cacheWrite1hTokens: 512,
      })
    })

    it('gets thinking, text and a tool use out of messages.stream()', async () => {
      const client = await open()
      world.simulator.always(keyOf('a'), richReply)
      const stream = client.messages.stream({ ...QUESTION, tools: TOOLS })
      const texts: string[] = []
      const thoughts: string[] = []
      stream.on('text', (text) => texts.push(text)).on('thinking', (thought) => thoughts.push(thought))
      const final = await stream.finalMessage()
      const { content, usage, stop_reason } = JSON.parse(wholeMessage(richMessage(NONE)))
      expect(final).toMatchObject({ content: content.map(withoutCitations), usage, stop_reason })
      expect(texts.join('')).toBe('Let me look at the plan.')
      expect(thoughts.join('')).toBe('The plan would show it. Ü → 測試.')
      expect((await world.rows(1))[0]).toMatchObject({ outcome: 'ok', stream: true, outputTokens: 37 })
    })

    it('gets every event of create({ stream: true }) as the upstream wrote it', async () => {
      const client = await open()
      world.simulator.always(keyOf('a'), richReply)
      const events: unknown[] = []
      for await (const event of await client.messages.create({ ...QUESTION, stream: true }))
        events.push(event)
      expect(events).toEqual([...eventsOf(richMessage(NONE))])
    })

    it('is not confused by an upstream that sends byte by byte', async () => {
      const client = await open()
      world.simulator.always(keyOf('a'), (request) => reply.byByte(richReply(request)))
      const final = await client.messages.stream(QUESTION).finalMessage()
      expect(final.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_use'])
    })

    it('sees each event before the upstream goes on to the next one', async () => {
      const client = await open()
      const gates = streamEvents(richMessage(NONE)).map(() => Promise.withResolvers<void>())
      world.simulator.always(keyOf('a'), gated(gates))
      for (const gate of gates.slice(0, HELD)) gate.resolve()
      let seen = PINGS
      for await (const _ of await client.messages.create({ ...QUESTION, stream: true })) {
        seen++
        if (seen >= HELD) gates[seen]?.resolve()
      }
      expect(seen).toBe(gates.length)
    })

    it('sends its body and its headers through unchanged', async () => {
      await open()
      const bodies: unknown[] = []
      const client = connect({
        defaultHeaders: { 'anthropic-beta': 'one-2026-01-01,two-2026-01-01', 'x-of-my-own': 'kept' },
        fetch: (url, init) => {
          bodies.push(init?.body)
          return fetch(url, init)
        },
      })
      await client.messages.create({ ...QUESTION, tools: TOOLS, system: 'Ü\u2028 "quoted" \\ 😀' })
      const [received = NONE] = world.simulator.received
      expect(received.body.toString()).toBe(String(bodies[0]))
      expect(headerOf(received, 'anthropic-beta')).toEqual(['one-2026-01-01,two-2026-01-01'])
      expect(headerOf(received, 'x-of-my-own')).toEqual(['kept'])
      expect(headerOf(received, 'x-stainless-retry-count')).toEqual(['0'])
      expect(headerOf(received, 'user-agent')[0]).toStartWith('Anthropic/JS ')
      expect(headerOf(received, 'anthropic-version')).toHaveLength(1)
    })

    it('goes on with a tool’s result on the same account, the answer’s blocks unchanged', async () => {
      const client = await open({ accounts: ['a', 'b'] })
      for (const name of ['a', 'b']) world.simulator.script(keyOf(name), richReply)
      const first = await client.messages.create({ ...QUESTION, tools: TOOLS })
      const use = first.content.find(({ type }) => type === 'tool_use')
      expect(use).toMatchObject({ name: 'explain_query', input: { sql: 'select 1 where name = "ü"' } })
      const { data: second, response } = await client.messages
        .create({
          ...QUESTION,
          tools: TOOLS,
          messages: [
            ...QUESTION.messages,
            { role: 'assistant', content: first.content },
            {
              role: 'user',
              content: [{ type: 'tool_result', tool_use_id: 'toolu_01Simulated', content: '1' }],
            },
          ],
        })
        .withResponse()
      expect(second.stop_reason).toBe('end_turn')
      const [before, after] = world.simulator.received
      expect(after?.key).toBe(before?.key ?? '')
      expect(keyOf(response.headers.get('x-spillway-account') ?? '')).toBe(before?.key ?? '')
      expect(JSON.parse(String(after?.body)).messages[1].content).toEqual(first.content)
    })
  })

  describe('side endpoints', () => {
    it('counts tokens', async () => {
      const client = await open()
      const { input_tokens } = await client.messages.countTokens({
        model: MODEL,
        messages: QUESTION.messages,
      })
      const [received = NONE] = world.simulator.received
      expect(input_tokens).toBe(Math.ceil(received.body.length / 4))
      expect(received.target).toStartWith('/v1/messages/count_tokens')
    })

    it('lists models over as many pages as there are, and retrieves one', async () => {
      const client = await open()
      world.simulator.script(keyOf('a'), modelPage(['claude-b'], true), modelPage(['claude-c'], false))
      const ids: string[] = []
      for await (const { id } of client.models.list({ limit: 1 })) ids.push(id)
      expect(ids).toEqual(['claude-b', 'claude-c'])
      expect(world.simulator.received[1]?.target).toBe('/v1/models?limit=1&after_id=claude-b')
      expect((await client.models.retrieve('claude-opus-5-5')).max_tokens).toBe(128_000)
    })

    it('finds each file on the account that took it, and sends a message that names it there', async () => {
      const client = await open({ accounts: ['a', 'b', 'c'] })
      const makers = new Map<string, string>()
      for (let turn = 0; turn < 6; turn++) {
        const file = new File([`row ${turn}`], 'rows.csv', { type: 'text/csv' })
        const { data, response } = await client.beta.files.upload({ file }).withResponse()
        makers.set(data.id, response.headers.get('x-spillway-account') ?? '')
      }
      expect(new Set(makers.values())).toEqual(new Set(['a', 'b', 'c']))
      expect(world.simulator.received[0]?.body.toString()).toContain('row 0')
      for (const [id, account] of makers) {
        const calls = [
          client.beta.files.retrieveMetadata(id),
          client.beta.files.download(id),
          client.beta.files.delete(id),
          client.beta.messages.create({ ...QUESTION, messages: [{ role: 'user', content: [document(id)] }] }),
        ]
        for (const call of calls)
          expect((await call.asResponse()).headers.get('x-spillway-account')).toBe(account)
      }
    })

    it('finds each batch on the account that took it', async () => {
      const client = await open({ accounts: ['a', 'b'] })
      const makers = new Map<string, string>()
      for (let turn = 0; turn < 4; turn++) {
        const { data, response } = await client.messages.batches.create(BATCH).withResponse()
        makers.set(data.id, response.headers.get('x-spillway-account') ?? '')
      }
      expect(new Set(makers.values())).toEqual(new Set(['a', 'b']))
      for (const [id, account] of makers) {
        const calls = [
          client.messages.batches.retrieve(id),
          client.messages.batches.cancel(id),
          client.messages.batches.delete(id),
        ]
        for (const call of calls)
          expect((await call.asResponse()).headers.get('x-spillway-account')).toBe(account)
      }
    })

    it('reads a batch’s results through the gateway, not past it', async () => {
      const client = await open()
      world.simulator.always(keyOf('a'), batchesAt(world.simulator.url))
      const lines: unknown[] = []
      for await (const line of await client.messages.batches.results('msgbatch_1')) lines.push(line)
      expect(lines).toEqual([{ custom_id: 'one', result: { type: 'canceled' } }])
      expect(world.simulator.received.map(({ key }) => key)).toEqual([keyOf('a'), keyOf('a')])
    })
  })

  describe('client keys', () => {
    it.each(['apiKey', 'authToken'] as const)('lets a client in with its key as %s', async (option) => {
      await open()
      const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
      const client = connect({ apiKey: null, [option]: secret })
      await client.messages.create(QUESTION)
      expect((await world.rows(1))[0]).toMatchObject({ key: 'laptop', outcome: 'ok' })
      const [received = NONE] = world.simulator.received
      expect(headerOf(received, 'x-api-key')).toEqual([keyOf('a')])
      expect(headerOf(received, 'authorization')).toEqual([])
      expect(JSON.stringify(received.headers)).not.toContain(secret)
    })

    it('keeps a client out with a wrong key, at once and without asking anybody', async () => {
      await open()
      await world.api.createKey({ body: { name: 'laptop' } })
      let requests = 0
      const client = connect({
        apiKey: 'spk_wrong',
        maxRetries: 2,
        fetch: (url, init) => {
          requests++
          return fetch(url, init)
        },
      })
      const error = await client.messages.create(QUESTION).then(undefined, (error: unknown) => error)
      expect(error).toBeInstanceOf(Sdk.AuthenticationError)
      expect(requests).toBe(1)
      expect(world.simulator.received).toHaveLength(0)
    })
  })
})

const NONE: Received = {
  number: 1,
  method: '',
  target: '',
  headers: [],
  body: Buffer.alloc(0),
  key: '',
  connection: 0,
  abandoned: Promise.resolve(),
  isAbandoned: () => false,
}

const BATCH = { requests: [{ custom_id: 'one', params: QUESTION }] }

const document = (id: string) => ({
  type: 'document' as const,
  source: { type: 'file' as const, file_id: id },
})

const headerOf = ({ headers }: Received, name: string): readonly string[] =>
  headers.filter((header) => header[0] === name).map(([, value]) => value)

/** A streamed text block has no citations until some come. */
const withoutCitations = ({ citations: _, ...block }: Record<string, unknown>): object => block

/** What an SDK makes of the events: pings are for the connection, not for the program. */
const eventsOf = (message: Parameters<typeof streamEvents>[0]): readonly unknown[] =>
  streamEvents(message)
    .filter((event) => !event.startsWith('event: ping'))
    .map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)))

const PINGS = 2
/** The stream's start, its pings, the first block's start and its first delta: nothing goes out before content has come. */
const HELD = 5

/** Each event waits for its gate. */
function gated(gates: readonly PromiseWithResolvers<void>[]): (request: Received) => reply.Reply {
  return (request) => {
    const [start, ...rest] = reply.brokenStream([], [])
    const events = streamEvents(richMessage(request)).flatMap((event, index) => [
      reply.until(gates[index]?.promise ?? Promise.resolve()),
      reply.send(reply.chunk(event)),
    ])
    return [...(start === undefined ? [] : [start]), ...rest, ...events, reply.send(reply.LAST_CHUNK)]
  }
}

const modelPage = (ids: readonly string[], has_more: boolean): reply.Reply =>
  reply.whole(
    200,
    JSON.stringify({
      data: ids.map((id) => ({ type: 'model', id })),
      has_more,
      first_id: ids[0],
      last_id: ids.at(-1),
    }),
  )

const batchesAt =
  (origin: string) =>
  ({ target }: Received): reply.Reply =>
    target.endsWith('/results')
      ? reply.whole(200, '{"custom_id":"one","result":{"type":"canceled"}}\n', [
          ['content-type', 'application/x-jsonl'],
        ])
      : reply.whole(
          200,
          JSON.stringify({
            id: 'msgbatch_1',
            type: 'message_batch',
            processing_status: 'ended',
            results_url: `${origin}/v1/messages/batches/msgbatch_1/results`,
          }),
        )
