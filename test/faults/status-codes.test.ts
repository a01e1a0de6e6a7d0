/** Faults 23–51 of `faults.md` §3: what the provider answers. (25–34 are about token refresh.) */
import { afterEach, describe, expect, it } from 'bun:test'
import { errorEvent, PING, streamEvents } from '../../src/simulator/events.ts'
import { simulatedMessage } from '../../src/simulator/healthy.ts'
import * as reply from '../../src/simulator/replies.ts'
import { last, only } from '../support/first.ts'
import { exchange, headerOf } from '../support/raw-answer.ts'
import { bodyOf, requestBytes } from '../support/requests.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const two = ['a', { name: 'b', priority: 1 }]
const three = [...two, { name: 'c', priority: 2 }]
const account = (name = 'a') => world.api.showAccount({ params: { id: name } })
const errorOf = async (answer: Response): Promise<{ readonly type: string; readonly message: string }> =>
  JSON.parse(await answer.text()).error
const open = async (accounts: Parameters<typeof openWorld>[0], ...replies: readonly reply.Reply[]) => {
  world = await openWorld({ ...accounts, settings: { retryDelayMs: 0, ...accounts?.settings } })
  const names = ['a', 'b', 'c']
  for (const [index, each] of replies.entries()) world.simulator.always(keyOf(names[index] ?? ''), each)
}
const nowSeconds = () => Math.floor(Date.now() / 1_000)

describe('row 23: a 400', () => {
  it.each([
    'prompt is too long: 300000 tokens > 200000 maximum',
    'messages.3.content.1: Invalid `signature` in `thinking` block',
    'max_tokens: 1 > 0 – “odd”',
  ])('is handed out byte for byte, and nobody else is asked: %s', async (message) => {
    const text = ` {"type":"error","error":{"type":"invalid_request_error","message":${JSON.stringify(message)}},\n"request_id":"req_1"}`
    await open({ accounts: two }, reply.whole(400, text))
    const answer = await exchange(world.url, requestBytes({ body: bodyOf({ stream: true }) }))
    expect(answer.status).toBe(400)
    expect(answer.body.toString()).toBe(text)
    expect(world.simulator.received).toHaveLength(1)
    expect(only(await world.rows(1))).toMatchObject({ outcome: 'client-error', status: 400 })
    expect(await account()).toMatchObject({ state: { kind: 'ready' } })
  })
})

describe('row 24: a 400 about a beta that this provider does not know', () => {
  it('is handed out as it is', async () => {
    await open(
      { accounts: two },
      reply.refusal(
        400,
        'invalid_request_error',
        'Unexpected value(s) `x-2099` for the `anthropic-beta` header',
      ),
    )
    const answer = await world.ask({}, { 'anthropic-beta': 'x-2099' })
    expect(answer.status).toBe(400)
    expect((await errorOf(answer)).message).toContain('x-2099')
    expect(world.simulator.received).toHaveLength(1)
  })
})

describe('row 35: a 403', () => {
  it('of one account is another’s chance', async () => {
    await open({ accounts: two }, reply.forbidden)
    expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
  })

  it('of all of them is a 403 with the provider’s words', async () => {
    await open({ accounts: two }, reply.forbidden, reply.forbidden)
    const answer = await world.ask()
    expect(answer.status).toBe(403)
    expect(await errorOf(answer)).toMatchObject({ type: 'permission_error' })
    expect(world.simulator.received).toHaveLength(2)
  })

  it('about the whole organization sets the account aside for minutes, and not for ever', async () => {
    await open(
      { accounts: two },
      reply.refusal(403, 'permission_error', 'This organization has been disabled.'),
    )
    await (await world.ask()).text()
    const cooldown = only((await account()).cooldowns)
    expect(cooldown).toMatchObject({ cause: 'forbidden', scope: 'account' })
    const minutes = (Date.parse(cooldown.until) - Date.now()) / 60_000
    expect(minutes).toBeGreaterThan(0)
    expect(minutes).toBeLessThan(60)
  })
})

describe('row 36: a 404 for the model', () => {
  it('of one account is another’s chance, and is remembered for minutes only', async () => {
    await open({ accounts: two }, reply.unknownModel('claude-sonnet-5-5'))
    await (await world.ask({ system: 'one' })).text()
    expect((await world.ask({ system: 'two' })).headers.get('x-spillway-account')).toBe('b')
    expect(world.simulator.requestsOf(keyOf('a'))).toHaveLength(1)
    const { cause, until } = only((await account()).cooldowns)
    expect(cause).toBe('model-not-found')
    expect((Date.parse(until) - Date.now()) / 60_000).toBeLessThanOrEqual(5)
  })

  it('of all of them is a 404', async () => {
    const unknown = reply.unknownModel('claude-sonnet-5-5')
    await open({ accounts: two }, unknown, unknown)
    const answer = await world.ask()
    expect(answer.status).toBe(404)
    expect(await errorOf(answer)).toMatchObject({ type: 'not_found_error' })
  })
})

describe('row 37: a 408 or a 409', () => {
  it.each([
    [408, 'timeout_error'],
    [409, 'conflict_error'],
  ])(
    '(%p) is another account’s chance, and with one account worth one more attempt',
    async (status, type) => {
      const broken = reply.refusal(status, type, 'Not now.')
      await open({ accounts: two }, broken)
      expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
      await world.stop()
      await open({})
      world.simulator.script(keyOf('a'), broken)
      expect((await world.ask()).status).toBe(200)
      expect(only(await world.rows(1)).attempts.map((attempt) => attempt.status)).toEqual([status, 200])
    },
  )
})

describe('rows 38 and 39: a 413 and a 422', () => {
  it.each([
    ['row 38', 413, 'request_too_large'],
    ['row 39', 422, 'invalid_request_error'],
  ])('%s: are handed out as they are, once (%p)', async (_row, status, type) => {
    await open({ accounts: two }, reply.refusal(status, type, 'In the provider’s own words.'))
    const answer = await world.ask()
    expect(answer.status).toBe(status)
    expect(await errorOf(answer)).toEqual({ type, message: 'In the provider’s own words.' })
    expect(world.simulator.received).toHaveLength(1)
  })
})

describe('row 40: a 429 with its wait', () => {
  it('of one account is another’s chance', async () => {
    await open({ accounts: two }, reply.throttled(30))
    expect((await world.ask({ stream: true })).headers.get('x-spillway-account')).toBe('b')
  })

  it('of all is a 429 with the smallest wait', async () => {
    await open({ accounts: three }, reply.throttled(300), reply.throttled(20), reply.throttled(90))
    const answer = await world.ask()
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeWithin(18, 21)
    expect(await errorOf(answer)).toMatchObject({ type: 'rate_limit_error' })
  })
})

describe('row 41: a 429 with an odd wait', () => {
  it.each([
    '',
    'soon',
    '-1',
    '1e9',
    '0x10',
    'NaN',
    '99999999999999999999',
    'Tue, 99 Foo 2026',
    '5; 10',
    '1,5',
  ])('(%p) never makes an odd one of our own', async (text) => {
    await open({}, reply.refusal(429, 'rate_limit_error', 'Limited', [['retry-after', text]]))
    const answer = await world.ask({}, { 'x-stainless-retry-count': '1' })
    expect(answer.status).toBe(429)
    const { cooldowns } = await account()
    const wait = answer.headers.get('retry-after') ?? ''
    const isTheirOwn = cooldowns.length === 0 && wait === text
    expect(isTheirOwn ? '1' : wait).toMatch(/^[1-9]\d{0,5}$/)
    for (const { until } of cooldowns) {
      const lengthMs = Date.parse(until) - Date.now()
      expect(lengthMs).toBeGreaterThan(-1_000)
      expect(lengthMs).toBeLessThanOrEqual(5 * 3_600_000)
    }
  })

  it('and without any is the request’s, not the account’s: one hop, no cooldown', async () => {
    await open({ accounts: three }, reply.refusedWithoutReason, reply.refusedWithoutReason)
    const answer = await world.ask({}, { 'x-stainless-retry-count': '1' })
    expect(answer.status).toBe(429)
    expect(world.simulator.received).toHaveLength(2)
    for (const name of ['a', 'b', 'c']) expect((await account(name)).cooldowns).toEqual([])
  })
})

describe('row 42: a 429 of a spent window', () => {
  it.each(['5h', '7d'] as const)('(%s) holds until the window opens, and is told so', async (window) => {
    const reset = nowSeconds() + 1_800
    await open({ accounts: two }, reply.windowSpent(window, reset))
    expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
    const { windows, state } = await account()
    expect(state).toMatchObject({ kind: 'cooling', until: new Date(reset * 1_000).toISOString() })
    expect(windows.find(({ name }) => name === window)).toMatchObject({
      name: window,
      utilization: 1,
      resetsAt: new Date(reset * 1_000).toISOString(),
      status: 'rejected',
    })
  })
})

describe('row 43: limits on an answer that is well', () => {
  const HEADERS = [
    ['anthropic-ratelimit-unified-status', 'allowed_warning'],
    ['anthropic-ratelimit-unified-5h-status', 'allowed_warning'],
    ['anthropic-ratelimit-unified-5h-utilization', '0.91'],
    ['anthropic-ratelimit-unified-5h-reset', String(nowSeconds() + 600)],
    ['anthropic-ratelimit-requests-limit', '1000'],
    ['anthropic-ratelimit-requests-remaining', '250'],
  ] as const
  const well = () =>
    reply.message(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(8) }), HEADERS)
  const limitsIn = (answer: Response) =>
    [...answer.headers.keys()].filter((name) => name.startsWith('anthropic-ratelimit-'))

  it('are shown for the account, and bench nobody', async () => {
    await open({ accounts: two }, well())
    await (await world.ask()).text()
    const { state, windows } = await account()
    expect(state.kind).toBe('ready')
    expect(windows).toMatchObject([
      { name: '5h', utilization: 0.91, status: 'allowed_warning' },
      { name: 'requests/min', utilization: 0.75, status: 'allowed' },
    ])
  })

  it('reach the client as those of the pool, whichever account answered', async () => {
    await open({}, well())
    const first = await world.ask()
    expect(limitsIn(first).sort()).toEqual([
      'anthropic-ratelimit-unified-5h-reset',
      'anthropic-ratelimit-unified-5h-status',
      'anthropic-ratelimit-unified-5h-surpassed-threshold',
      'anthropic-ratelimit-unified-5h-utilization',
      'anthropic-ratelimit-unified-representative-claim',
      'anthropic-ratelimit-unified-reset',
      'anthropic-ratelimit-unified-status',
    ])
    expect(first.headers.get('anthropic-ratelimit-unified-5h-utilization')).toBe('0.91')
    expect(first.headers.get('anthropic-ratelimit-unified-status')).toBe('allowed_warning')
  })

  it.each([
    ['account', HEADERS.length],
    ['strip', 0],
  ])('are told as the operator says (%s)', async (limitHeaders, count) => {
    await open({ accounts: two, settings: { limitHeaders } }, well())
    expect(limitsIn(await world.ask())).toHaveLength(count)
  })

  it('with status "rejected" on a 200 still serve that answer', async () => {
    await open(
      {},
      reply.message(simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(8) }), [
        ['anthropic-ratelimit-unified-status', 'rejected'],
        ['anthropic-ratelimit-unified-5h-status', 'rejected'],
      ]),
    )
    expect((await world.ask()).status).toBe(200)
  })
})

describe('row 44: every account cooling down', () => {
  it('is a 429 with the soonest moment, and no upstream is asked', async () => {
    await open({ accounts: two }, reply.throttled(120), reply.throttled(60))
    await (await world.ask()).text()
    const before = world.simulator.received.length
    for (const stream of [true, false]) {
      const answer = await world.ask({ stream })
      expect(answer.status).toBe(429)
      expect(Number(answer.headers.get('retry-after'))).toBeWithin(55, 61)
      const { type, message } = await errorOf(answer)
      expect(type).toBe('rate_limit_error')
      for (const name of ['a: ', 'b: ']) expect(message).toContain(name)
    }
    expect(world.simulator.received).toHaveLength(before)
    expect(last(await world.rows(3))).toMatchObject({ outcome: 'refused', attempts: [] })
  })
})

describe('row 45: a 5xx', () => {
  const page = (status: number) =>
    reply.whole(status, '<html><body><h1>Bad gateway</h1> cloudflare</body></html>', [
      ['content-type', 'text/html'],
    ])

  it.each([500, 502, 503, 504, 520, 524])(
    '(%p) with a web page is another account’s chance',
    async (status) => {
      await open({ accounts: two }, page(status))
      for (const stream of [true, false]) {
        expect((await world.ask({ stream, system: `${stream}` })).headers.get('x-spillway-account')).toBe('b')
      }
      expect(await account()).toMatchObject({ state: { kind: 'ready' } })
    },
  )

  it('of all of them never shows its web page to a client', async () => {
    await open({ accounts: two }, page(502), page(503))
    const answer = await world.ask()
    expect(answer.status).toBeGreaterThanOrEqual(500)
    expect(answer.headers.get('content-type')).toStartWith('application/json')
    const text = await answer.text()
    expect(text).not.toContain('<')
    expect(JSON.parse(text)).toMatchObject({ type: 'error', error: { type: 'api_error' } })
  })

  it('once sends no other conversation elsewhere; several in a row let others go first', async () => {
    await open({ accounts: two })
    world.simulator.script(keyOf('a'), reply.serverError)
    await (await world.ask({ system: 'first' })).text()
    expect((await world.ask({ system: 'second' })).headers.get('x-spillway-account')).toBe('a')
    world.simulator.always(keyOf('a'), reply.serverError)
    for (let count = 0; count < 4; count++) await (await world.ask({ system: `more ${count}` })).text()
    const before = world.simulator.requestsOf(keyOf('a')).length
    expect((await world.ask({ system: 'last' })).headers.get('x-spillway-attempts')).toBe('1')
    expect(world.simulator.requestsOf(keyOf('a'))).toHaveLength(before)
  })
})

describe('row 46: one 529', () => {
  it.each([true, false])('is another account’s chance and nobody’s fault (stream: %p)', async (stream) => {
    await open({ accounts: two }, reply.overloaded)
    expect((await world.ask({ stream })).headers.get('x-spillway-account')).toBe('b')
    expect(await account()).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })
})

describe('row 47: 529 from everybody', () => {
  it('is a 503 with retry-after, never a 529', async () => {
    await open({ accounts: two }, reply.overloaded, reply.overloaded)
    for (const stream of [true, false]) {
      const answer = await world.ask({ stream })
      expect(answer.status).toBe(503)
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
  })

  it('meets little more load than before: the retry budget holds', async () => {
    await open({ accounts: three }, reply.overloaded, reply.overloaded, reply.overloaded)
    const askTogether = (round: number) =>
      Promise.all(Array.from({ length: 20 }, (_, index) => world.ask({ system: `${round}/${index}` })))
    await askTogether(0)
    const known = world.simulator.received.length
    for (let round = 1; round <= 15; round++) await askTogether(round)
    expect(world.simulator.received.length - known).toBeLessThanOrEqual(15 * 20 * 1.2)
  })
})

describe('row 48: some limited, some overloaded', () => {
  it('is a 429 with the true wait', async () => {
    await open({ accounts: two }, reply.throttled(40), reply.overloaded)
    const answer = await world.ask({}, { 'x-stainless-retry-count': '1' })
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeWithin(38, 41)
    const { attempts } = only(await world.rows(1))
    expect(attempts.map(({ failure }) => failure)).toEqual(['throttled', 'overloaded'])
  })
})

describe('row 49: "x-should-retry: false"', () => {
  it('is honoured, and passed on', async () => {
    const final = reply.refusal(500, 'api_error', 'Do not.', [['x-should-retry', 'false']])
    await open({ accounts: two }, final)
    const answer = await world.ask()
    expect(answer.status).toBe(500)
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect((await errorOf(answer)).message).toBe('Do not.')
    expect(world.simulator.received).toHaveLength(1)
  })
})

describe('row 50: a success without an answer', () => {
  it.each([
    ['a 200 without a body', reply.whole(200, '')],
    ['a 200 without a body, as a stream', reply.eventStream([])],
    ['a 204', [reply.send('HTTP/1.1 204 No Content\r\n\r\n')]],
    ['a 200 that ends with its connection, empty', [reply.send('HTTP/1.1 200 OK\r\n\r\n'), reply.close]],
  ] as const)('%s is another account’s chance, and alone an error', async (_what, empty) => {
    await open({ accounts: two }, empty)
    for (const stream of [true, false]) {
      const helped = await world.ask({ stream, system: `${stream}` })
      expect(helped.headers.get('x-spillway-account')).toBe('b')
      await helped.text()
    }
    await world.api.pauseAccount({ params: { id: 'b' } })
    const alone = await world.ask({ stream: true })
    expect(alone.status).toBe(503)
    expect(last(await world.rows(3))).toMatchObject({ outcome: 'upstream-error' })
    expect(last(await world.rows(3)).attempts[0]).toMatchObject({ failure: 'empty-answer' })
  })
})

describe('row 51: another kind of answer than was asked for', () => {
  const MESSAGE = simulatedMessage('claude-sonnet-5-5', { number: 1, body: Buffer.alloc(80) })

  it('JSON to a streamed request passes as it is, and is booked', async () => {
    await open({}, reply.message(MESSAGE))
    const answer = await world.ask({ stream: true })
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(JSON.parse(await answer.text())).toMatchObject({ id: MESSAGE.id })
    expect(only(await world.rows(1))).toMatchObject({ outcome: 'ok', inputTokens: 10, outputTokens: 12 })
  })

  it('a stream to a request that wanted none passes as it is, and is booked', async () => {
    await open({}, reply.stream(MESSAGE))
    const answer = await world.ask({ stream: false })
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream')
    expect(await answer.text()).toBe(streamEvents(MESSAGE).join(''))
    expect(only(await world.rows(1))).toMatchObject({ outcome: 'ok', inputTokens: 10, outputTokens: 12 })
  })

  it('a 200 that is an error in JSON is judged like the error it is', async () => {
    const text = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    await open({ accounts: two }, reply.whole(200, text))
    expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
  })

  it('an event stream that says its type with capitals is one all the same', async () => {
    const chunks = [PING, errorEvent('overloaded_error', 'Overloaded')].map((event) =>
      reply.send(reply.chunk(event)),
    )
    const head = reply.head(200, [
      ['content-type', 'Text/Event-Stream'],
      ['transfer-encoding', 'chunked'],
    ])
    await open({ accounts: two }, [reply.send(head), ...chunks, reply.send(reply.LAST_CHUNK)])
    const answer = await exchange(world.url, requestBytes({ body: bodyOf({ stream: true }) }))
    expect(headerOf(answer, 'x-spillway-account')).toBe('b')
  })
})
