/**
 * Claude Code's requests as raw fetches: what it sends arrives unchanged, its conversations
 * stay where their caches are, and it gets the answers that it reacts to in the right way
 * (`faults.md`, "How real clients behave"; `wire.md` §3).
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import type { Received } from '../../src/simulator/simulator.ts'
import { ATTRIBUTION, bodyOf, countBodyOf, headersOf, type Turn } from '../support/claude-code.ts'
import { keyOf, openWorld, type World, type WorldOptions } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const MAIN: Turn = { session: '3f0e6d1c-8a9b-4c1d-9e2f-1a2b3c4d5e6f' }
const OTHER: Turn = { session: 'c0ffee00-8a9b-4c1d-9e2f-1a2b3c4d5e6f' }

describe('what Claude Code sends', () => {
  it('begins with a HEAD that is answered at once, without a key, an upstream or a row', async () => {
    await open(['a'])
    await world.api.createKey({ body: { name: 'laptop' } })
    for (const path of ['/', '/api/hello']) {
      const answer = await fetch(`${world.url}${path}`, { method: 'HEAD' })
      expect(answer.status).toBe(200)
    }
    expect(world.simulator.received).toHaveLength(0)
    expect((await world.api.listRequests({ query: {} })).requests).toHaveLength(0)
  })

  it.each([42_000, 60_000, 115_000, 1_000_000])('arrives byte for byte at %i bytes', async (bytes) => {
    await open(['a'])
    const turn: Turn = { ...MAIN, agent: 'a81c', parentAgent: '77f0', bytes, turn: 3 }
    const text = await textOf(turn)
    const [received] = world.simulator.received
    expect(received?.target).toBe('/v1/messages?beta=true')
    expect(received?.body.toString()).toBe(bodyOf(turn))
    expect(text).toEndWith('event: message_stop\ndata: {"type":"message_stop"}\n\n')
    const { authorization: _, ...headers } = headersOf(turn)
    for (const [name, value] of Object.entries(headers)) expect(valuesOf(received, name)).toEqual([value])
    expect(valuesOf(received, 'content-length')).toEqual([String(Buffer.byteLength(bodyOf(turn)))])
    expect(valuesOf(received, 'transfer-encoding')).toEqual([])
    expect((await world.rows(1))[0]).toMatchObject({
      session: MAIN.session,
      agent: 'a81c',
      model: 'claude-opus-5-5',
      servedModel: 'claude-opus-5-5',
      stream: true,
      outcome: 'ok',
    })
  })

  it('keeps its attribution block first and unedited, also where the model is mapped', async () => {
    const modelMap = { 'claude-opus-5-5': 'claude-sonnet-5-5' }
    world = await openWorld({ accounts: [{ name: 'a', modelMap }] })
    const answer = await ask(MAIN)
    await answer.text()
    expect(answer.headers.get('x-spillway-model')).toBe('claude-sonnet-5-5')
    const sent = String(world.simulator.received[0]?.body)
    expect(sent).toBe(bodyOf(MAIN).replace('"claude-opus-5-5"', '"claude-sonnet-5-5"'))
    expect(JSON.parse(sent).system[0]).toEqual({ type: 'text', text: ATTRIBUTION })
  })

  it('streams although it accepts application/json', async () => {
    await open(['a'])
    const answer = await ask(MAIN)
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream')
    expect(await answer.text()).toStartWith('event: message_start\n')
  })

  it('asks for 14 counts at once and gets them all, while an answer streams on', async () => {
    const end = Promise.withResolvers<void>()
    await open(['a', 'b'])
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), heldBack(end.promise))
    const streaming = await ask(MAIN)
    const counts = await Promise.all(Array.from({ length: 14 }, (_, part) => count(part)))
    expect(counts.map(({ status }) => status)).toEqual(Array.from({ length: 14 }, () => 200))
    expect(await Promise.all(counts.map((each) => each.json()))).toEqual(
      Array.from({ length: 14 }, (_, part) => ({ input_tokens: tokensIn(Buffer.from(countBodyOf(part))) })),
    )
    end.resolve()
    expect(await streaming.text()).toContain('message_stop')
    const rows = await world.rows(15)
    const counted = rows.filter(({ path }) => path === '/v1/messages/count_tokens')
    expect(counted.map(({ costUsd }) => costUsd)).toEqual(Array.from({ length: 14 }, () => 0))
  })

  it('may ask what is not the pool’s to answer, and is told so quickly', async () => {
    await open(['a'])
    const telemetry = await world.post('/api/event_logging/batch', { events: [] })
    expect([200, 204, 404]).toContain(telemetry.status)
    expect((await fetch(`${world.url}/v1/oauth/hello`)).status).toBe(404)
    expect(world.simulator.received).toHaveLength(0)
  })

  it('reads the models with one credential header', async () => {
    await open(['a'])
    const answer = await fetch(`${world.url}/v1/models?limit=1000`, { headers: { 'x-api-key': 'any' } })
    expect(await answer.json()).toMatchObject({ data: expect.arrayContaining([MODEL_ENTRY]) })
    expect(world.simulator.received[0]?.target).toBe('/v1/models?limit=1000')
  })
})

describe('a conversation', () => {
  it.each<[string, Partial<Turn>]>([
    ['its session header', { userId: 'none' }],
    ['the JSON in metadata.user_id', { hasHeaders: false, userId: 'json' }],
    ['the joined text in metadata.user_id', { hasHeaders: false, userId: 'joined' }],
    ['what it begins with', { hasHeaders: false, userId: 'none' }],
  ])('stays on its account, known by %s', async (_how, signs) => {
    await open(['a', 'b', 'c'])
    const conversations = ['0', '1', '2'].map((digit, index) => ({
      ...MAIN,
      ...signs,
      session: digit.repeat(8) + MAIN.session.slice(8),
      bytes: 50_000 + index,
    }))
    const accounts = conversations.map(() => new Set<string>())
    for (let turn = 0; turn < 4; turn++) {
      for (const [index, conversation] of conversations.entries())
        accounts[index]?.add(await accountOf({ ...conversation, turn }))
    }
    expect(accounts.map((each) => each.size)).toEqual([1, 1, 1])
    expect(new Set(accounts.flatMap((each) => [...each])).size).toBe(3)
    const named = signs.hasHeaders !== false || signs.userId !== 'none'
    const sessions = (await world.rows(12)).map(({ session }) => session)
    expect(new Set(sessions).size).toBe(3)
    if (named) expect(sessions[0]).toBe(conversations[0]?.session ?? '')
  })

  it('is a sub-agent’s own: agents share the session, not the cache', async () => {
    await open(['a', 'b', 'c'])
    const turns: readonly Turn[] = [
      MAIN,
      { ...MAIN, agent: 'a1', model: 'claude-haiku-5-5' },
      { ...MAIN, agent: 'a2', model: 'claude-sonnet-5-5', parentAgent: 'a1' },
    ]
    const accounts = turns.map(() => new Set<string>())
    for (let turn = 0; turn < 3; turn++) {
      const served = await Promise.all(turns.map((each) => accountOf({ ...each, turn })))
      for (const [index, account] of served.entries()) accounts[index]?.add(account)
    }
    expect(accounts.map((each) => each.size)).toEqual([1, 1, 1])
    expect(new Set(accounts.flatMap((each) => [...each])).size).toBe(3)
    const rows = await world.rows(9)
    expect(new Set(rows.map(({ session }) => session))).toEqual(new Set([MAIN.session]))
    expect(new Set(rows.map(({ agent, model }) => `${agent} ${model}`))).toEqual(
      new Set(['undefined claude-opus-5-5', 'a1 claude-haiku-5-5', 'a2 claude-sonnet-5-5']),
    )
  })

  it('is not moved by counting its tokens, nor by a count that its account refuses', async () => {
    await open(['a', 'b'])
    const account = await accountOf(MAIN)
    world.simulator.script(keyOf(account), reply.unknownModel('claude-opus-5-5'), reply.forbidden)
    for (let part = 0; part < 4; part++) await (await count(part)).text()
    expect(await accountOf({ ...MAIN, turn: 1 })).toBe(account)
    const { accounts } = await world.api.listAccounts()
    expect(accounts.map(({ state }) => state.kind)).toEqual(['ready', 'ready'])
  })

  it('goes on without streaming where it streamed', async () => {
    await open(['a', 'b'])
    const account = await accountOf(MAIN)
    await accountOf(OTHER)
    expect(await accountOf({ ...MAIN, stream: false })).toBe(account)
    const rows = await world.rows(3)
    expect(rows.map(({ stream }) => stream)).toEqual([true, true, false])
  })

  it('comes back to its account after a refusal sent one turn elsewhere', async () => {
    await open(['a', 'b'])
    const account = await accountOf(MAIN)
    world.simulator.script(keyOf(account), reply.refusedWithoutReason)
    expect(await accountOf({ ...MAIN, turn: 1 })).not.toBe(account)
    expect(await accountOf({ ...MAIN, turn: 2 })).toBe(account)
  })
})

describe('the answers that Claude Code reacts to', () => {
  it.each([true, false])('503 with retry-after when all are overloaded, stream: %p', async (stream) => {
    await open(['a', 'b'], reply.overloaded)
    const answer = await ask({ ...MAIN, stream })
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'api_error' } })
  })

  it('503 also when the overload comes as the first event of streams', async () => {
    await open(['a', 'b'], reply.errorFirst('overloaded_error', 'Overloaded'))
    const answer = await ask(MAIN)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).not.toBeNull()
  })

  it('429 with the soonest moment when all are limited, and nobody is asked again before it', async () => {
    const soon = Math.round(Date.now() / 1_000) + 900
    await open(['a', 'b'])
    world.simulator.always(keyOf('a'), reply.windowSpent('5h', soon + 600))
    world.simulator.always(keyOf('b'), reply.windowSpent('5h', soon))
    for (const _ of ['first', 'second']) {
      const answer = await ask(MAIN)
      expect(answer.status).toBe(429)
      const seconds = Number(answer.headers.get('retry-after'))
      expect(seconds).toBeGreaterThan(880)
      expect(seconds).toBeLessThanOrEqual(901)
      expect(answer.headers.get('anthropic-ratelimit-unified-status')).toBe('rejected')
      expect(Number(answer.headers.get('anthropic-ratelimit-unified-reset'))).toBeCloseTo(
        Date.now() / 1_000 + seconds,
        -1,
      )
      expect(await answer.json()).toMatchObject({ error: { type: 'rate_limit_error' } })
    }
    expect(world.simulator.received).toHaveLength(2)
  })

  it('429 with the true wait when some are limited and some overloaded', async () => {
    await open(['a', 'b'], reply.overloaded)
    world.simulator.always(keyOf('a'), reply.throttled(40))
    const answer = await ask(MAIN)
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(35)
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(40)
  })

  it('401 that is not worth a retry when every account is refused', async () => {
    await open(['a', 'b'], reply.unauthorized)
    const answer = await ask(MAIN)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(world.simulator.received).toHaveLength(2)
  })

  it('403 with the reason when no plan has the model', async () => {
    await open(['a', 'b'], reply.forbidden)
    const answer = await ask(MAIN)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ error: { type: 'permission_error' } })
  })

  it.each([
    'prompt is too long: 300000 tokens > 200000 maximum',
    'messages.3.content.0: Invalid `signature` in `thinking` block',
    'input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000',
    'messages: roles must alternate between "user" and "assistant", but found “ü” \\n twice',
  ])('400 in the very words "%s", from the first account asked', async (words) => {
    await open(['a', 'b'], reply.refusal(400, 'invalid_request_error', words))
    const answer = await ask(MAIN)
    expect(answer.status).toBe(400)
    expect(await answer.text()).toBe(
      JSON.stringify({
        type: 'error',
        error: { type: 'invalid_request_error', message: words },
        request_id: 'req_simulated',
      }),
    )
    expect(world.simulator.received).toHaveLength(1)
    const { accounts } = await world.api.listAccounts()
    expect(accounts.map(({ state }) => state.kind)).toEqual(['ready', 'ready'])
  })

  it('413 in the upstream’s words', async () => {
    await open(['a', 'b'], reply.refusal(413, 'request_too_large', 'Request exceeds the maximum size'))
    const answer = await ask(MAIN)
    expect(answer.status).toBe(413)
    expect(await answer.json()).toMatchObject({ error: { message: 'Request exceeds the maximum size' } })
    expect(world.simulator.received).toHaveLength(1)
  })

  it('the pool’s limits as if they were one plan’s, whichever account answers', async () => {
    const used = (share: string) =>
      [
        ['anthropic-ratelimit-unified-status', 'allowed'],
        ['anthropic-ratelimit-unified-5h-status', 'allowed'],
        ['anthropic-ratelimit-unified-5h-utilization', share],
        ['anthropic-ratelimit-unified-5h-reset', String(Math.round(Date.now() / 1_000) + 3_600)],
      ] as const
    const quota: Turn = { ...MAIN, model: 'claude-haiku-5-5', stream: false }
    const seen = async () => (await ask(quota)).headers.get('anthropic-ratelimit-unified-5h-utilization')
    await open(['a'])
    world.simulator.always(keyOf('a'), ({ number }) => reply.whole(200, `{"n":${number}}`, used('0.8')))
    expect(await seen()).toBe('0.8')
    const { url: baseUrl } = world.simulator
    await world.api.addAccount({ body: { name: 'b', provider: 'console', apiKey: keyOf('b'), baseUrl } })
    world.simulator.always(keyOf('b'), ({ number }) => reply.whole(200, `{"n":${number}}`, used('0.2')))
    await world.api.pauseAccount({ params: { id: 'a' } })
    expect(await seen()).toBe('0.2')
    await world.api.resumeAccount({ params: { id: 'a' } })
    expect(await seen()).toBe('0.5')
  })
})

async function open(names: readonly string[], upstream?: reply.Reply): Promise<void> {
  const options: WorldOptions = { accounts: names, settings: { retryDelayMs: 1 } }
  world = await openWorld(options)
  for (const name of names) world.simulator.always(keyOf(name), upstream)
}

const ask = (turn: Turn): Promise<Response> =>
  fetch(`${world.url}/v1/messages?beta=true`, {
    method: 'POST',
    headers: headersOf(turn),
    body: bodyOf(turn),
  })

const textOf = async (turn: Turn): Promise<string> => (await ask(turn)).text()

const count = (part: number): Promise<Response> =>
  fetch(`${world.url}/v1/messages/count_tokens?beta=true`, {
    method: 'POST',
    headers: headersOf(MAIN),
    body: countBodyOf(part),
  })

/** The account that served a turn, read to its end. */
async function accountOf(turn: Turn): Promise<string> {
  const answer = await ask(turn)
  await answer.text()
  expect(answer.status).toBe(200)
  return answer.headers.get('x-spillway-account') ?? ''
}

const MODEL_ENTRY = expect.objectContaining({ id: 'claude-opus-5-5', type: 'model' })

const valuesOf = (received: Received | undefined, name: string): readonly string[] =>
  received?.headers.filter((header) => header[0] === name).map(([, value]) => value) ?? []

const tokensIn = (body: Buffer): number => Math.ceil(body.length / 4)

/** Messages get their beginning and, once told, their end; everything else is answered at once. */
const heldBack =
  (end: Promise<void>) =>
  ({ target, body }: Received): reply.Reply => {
    if (target.includes('count_tokens')) {
      return reply.whole(200, JSON.stringify({ input_tokens: tokensIn(body) }))
    }
    const whole = reply.stream(simulatedMessage('claude-opus-5-5', { number: 1, body }))
    return [...whole.slice(0, 5), reply.until(end), ...whole.slice(5)]
  }
