/**
 * G7 Fair blame: an account is set aside only for what the evidence says is the account’s
 * (`wire.md` §1.6–1.7), and no request, however poisonous, sets a pool aside.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../../src/simulator/replies.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600
const account = (name: string) => world.api.showAccount({ params: { id: name } })
const open = async () => {
  world = await openWorld({
    accounts: ['a', { name: 'b', priority: 1 }],
    settings: { retryDelayMs: 0, headersTimeoutMs: 150, idleTimeoutMs: 150 },
  })
}

const refusal = (
  status: number,
  type: string,
  text: string,
  ...headers: readonly (readonly [string, string])[]
) => reply.refusal(status, type, text, headers)
const coded = (status: number, type: string, code: string) =>
  reply.whole(
    status,
    JSON.stringify({ type: 'error', error: { type, message: 'No.', details: { error_code: code } } }),
  )

const BLAMELESS: readonly (readonly [what: string, reply: reply.Reply])[] = [
  ['a 500', reply.serverError],
  ['a 502 with a web page', reply.whole(502, '<html>Bad gateway</html>', [['content-type', 'text/html']])],
  ['a 529', reply.overloaded],
  ['a 408', refusal(408, 'timeout_error', 'Timeout')],
  ['a 409', refusal(409, 'conflict_error', 'Conflict')],
  ['a 429 that names no limit', reply.refusedWithoutReason],
  ['a reset', [reply.reset]],
  ['garbage', [reply.send('\u0000\u0001\u0002 nothing\r\n\r\n')]],
  [
    'a head without a body',
    [reply.send(reply.head(200, [['content-type', 'text/event-stream']])), reply.close],
  ],
  ['silence', [reply.stall]],
  ['a redirect', refusal(302, 'x', 'x', ['location', '/'])],
  ['a stream that begins with an error', reply.errorFirst('overloaded_error', 'Overloaded')],
]

describe('no account is set aside', () => {
  it.each(BLAMELESS)('for %s that another account did not repeat', async (_what, broken) => {
    await open()
    world.simulator.always(keyOf('a'), broken)
    const answer = await world.ask({ stream: true })
    expect(answer.headers.get('x-spillway-account')).toBe('b')
    await answer.text()
    expect(await account('a')).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })

  it.each([
    ['a 400', reply.badRequest],
    ['a 413', refusal(413, 'request_too_large', 'Too large')],
    ['a 422', refusal(422, 'invalid_request_error', 'No')],
    ['a 404 for a file', refusal(404, 'not_found_error', 'File not found: file_1')],
    [
      'a 402 about another organization',
      coded(402, 'billing_error', 'linked_organization_billing_unavailable'),
    ],
  ])('and no other asked, for %s', async (_what, broken) => {
    await open()
    world.simulator.always(keyOf('a'), broken)
    expect((await world.ask({ stream: true })).headers.get('x-spillway-account')).toBe('a')
    expect(world.simulator.received).toHaveLength(1)
    expect(await account('a')).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
  })

  it.each([
    ['a 403', reply.forbidden],
    ['a 404 for the model', reply.unknownModel('claude-sonnet-5-5')],
    ['a 400 about extra usage', refusal(400, 'invalid_request_error', 'This needs extra usage.')],
  ])('for %s that every account gives', async (_what, broken) => {
    await open()
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), broken)
    await (await world.ask()).text()
    for (const name of ['a', 'b']) {
      expect(await account(name)).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    }
  })

  it.each([
    ['a 403', reply.forbidden],
    ['a 404', reply.unknownModel('claude-sonnet-5-5')],
    ['a 429 with a wait', reply.throttled(30)],
    ['a 500', reply.serverError],
  ])('for %s to a count of tokens', async (_what, broken) => {
    await open()
    world.simulator.script(keyOf('a'), broken)
    const counted = await world.post('/v1/messages/count_tokens', {
      model: 'claude-sonnet-5-5',
      messages: [],
    })
    expect(counted.status).toBe(200)
    expect(counted.headers.get('x-spillway-account')).toBe('b')
    expect(await account('a')).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
    expect((await world.ask()).headers.get('x-spillway-account')).toBe('a')
  })
})

describe('a poisonous request', () => {
  const POISONS: readonly (readonly [what: string, reply: reply.Reply])[] = [
    ['resets its connection', [reply.reset]],
    ['makes them answer 500', reply.serverError],
    ['makes them answer nothing', [reply.close]],
    ['makes them answer nonsense', [reply.send('no http at all\r\n\r\n')]],
    ['hangs them', [reply.stall]],
    ['is forbidden', reply.forbidden],
    ['is refused without a reason', reply.refusedWithoutReason],
    ['breaks their streams', reply.brokenStream(['event: content_block_start\ndata: {}\n\n'], [reply.reset])],
  ]

  it.each(POISONS)(
    'that %s on every account, ten times over, costs nobody else anything',
    async (_what, poison) => {
      world = await openWorld({
        accounts: ['a', { name: 'b', priority: 1 }, { name: 'c', priority: 2 }],
        settings: { retryAttempts: 1, headersTimeoutMs: 60, patienceMs: 1_000 },
      })
      const behave = (request: { readonly body: Buffer }) =>
        request.body.includes('poison') ? poison : reply.whole(200, '{"type":"message"}')
      for (const name of ['a', 'b', 'c']) world.simulator.always(keyOf(name), behave)
      for (let count = 0; count < 10; count++) {
        const spoilt = await world.ask({ stream: true, system: 'poison' }, { 'x-stainless-retry-count': '1' })
        await spoilt.text().catch(() => {})
      }
      for (const name of ['a', 'b', 'c']) {
        expect(await account(name)).toMatchObject({ state: { kind: 'ready' }, cooldowns: [] })
      }
      expect(await world.api.health()).toMatchObject({ status: 'ok', accounts: { total: 3, ready: 3 } })
      const innocent = await world.ask({ system: 'innocent' })
      expect(innocent.status).toBe(200)
      expect(innocent.headers.get('x-spillway-attempts')).toBe('1')
      expect(innocent.headers.get('x-spillway-account')).toBe('a')
    },
  )

  it('in ever new words still leaves every account in use', async () => {
    world = await openWorld({
      accounts: ['a', { name: 'b', priority: 1 }],
      settings: { retryAttempts: 1 },
    })
    const behave = (request: { readonly body: Buffer }) =>
      request.body.includes('poison') ? [reply.reset] : reply.whole(200, '{"type":"message"}')
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), behave)
    for (let count = 0; count < 20; count++) await world.ask({ system: `poison ${count}` })
    for (let count = 0; count < 5; count++) {
      const innocent = await world.ask({ system: `innocent ${count}` })
      expect(innocent.status).toBe(200)
      expect(innocent.headers.get('x-spillway-attempts')).toBe('1')
    }
  })
})

describe('an account is set aside', () => {
  it.each([
    ['a refused credential', reply.unauthorized, 'needs-login', 'unauthorized'],
    ['a payment problem', refusal(402, 'billing_error', 'Payment required'), 'cooling', 'billing'],
    [
      'a credit balance that is too low',
      refusal(400, 'invalid_request_error', 'Your credit balance is too low to access the API.'),
      'cooling',
      'billing',
    ],
    [
      'an organization on hold',
      coded(400, 'invalid_request_error', 'organization_on_hold'),
      'cooling',
      'billing',
    ],
    [
      'a spend limit of its own',
      refusal(
        400,
        'invalid_request_error',
        'You have reached your specified workspace API usage limits. You will regain access on 2099-01-01 at 00:00 UTC.',
      ),
      'cooling',
      'spend-limit',
    ],
    [
      'a spend limit until the month ends',
      coded(429, 'rate_limit_error', 'enforced_spend_limit_reached'),
      'cooling',
      'spend-limit',
    ],
    ['a throttle', reply.throttled(30), 'cooling', 'throttled'],
    [
      'a refused organization that another account is not',
      coded(403, 'permission_error', 'oauth_not_allowed_for_organization'),
      'cooling',
      'forbidden',
    ],
  ] as const)('whole, for %s', async (_what, broken, kind, cause) => {
    await open()
    world.simulator.always(keyOf('a'), broken)
    expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
    expect(await account('a')).toMatchObject({ state: { kind }, cooldowns: [{ scope: 'account', cause }] })
    expect(await account('b')).toMatchObject({ state: { kind: 'ready' } })
    await world.ask({ model: 'claude-haiku-4-5' })
    expect(world.simulator.requestsOf(keyOf('a'))).toHaveLength(1)
  })

  it.each(['5h', '7d'] as const)('whole, for a spent window (%s), until it opens', async (window) => {
    await open()
    const reset = inAnHour()
    world.simulator.always(keyOf('a'), reply.windowSpent(window, reset))
    expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
    const until = new Date(reset * 1_000).toISOString()
    expect(await account('a')).toMatchObject({
      state: { kind: 'cooling', until },
      cooldowns: [{ scope: 'account', cause: 'window-spent', until }],
    })
  })

  it('for one family of models when only that family’s window is spent', async () => {
    await open()
    world.simulator.script(keyOf('a'), reply.windowSpent('7d_oi', inAnHour()))
    const fable = await world.ask({ model: 'claude-fable-5-5' })
    expect(fable.headers.get('x-spillway-account')).toBe('b')
    expect(await account('a')).toMatchObject({
      state: { kind: 'ready' },
      cooldowns: [{ scope: 'family:fable' }],
    })
    expect(
      (await world.ask({ model: 'claude-opus-5-5', system: 'other' })).headers.get('x-spillway-account'),
    ).toBe('a')
    expect(
      (await world.ask({ model: 'claude-fable-5-5', system: 'new' })).headers.get('x-spillway-account'),
    ).toBe('b')
  })

  it.each([
    ['a 404 for the model', reply.unknownModel('claude-opus-5-5'), 'model-not-found'],
    ['a 403', reply.forbidden, 'forbidden'],
    [
      'a 400 about extra usage',
      refusal(400, 'invalid_request_error', 'This needs extra usage.'),
      'context-limit',
    ],
    [
      'a 429 about extra usage',
      refusal(429, 'rate_limit_error', 'Extra usage is required for long context requests.'),
      'context-limit',
    ],
  ] as const)('for one model, after %s that another account does not give', async (_what, broken, cause) => {
    await open()
    world.simulator.script(keyOf('a'), broken)
    expect((await world.ask({ model: 'claude-opus-5-5' })).headers.get('x-spillway-account')).toBe('b')
    expect(await account('a')).toMatchObject({
      state: { kind: 'ready' },
      cooldowns: [{ scope: 'model:claude-opus-5-5', cause }],
    })
    expect(
      (await world.ask({ model: 'claude-sonnet-5-5', system: 'other' })).headers.get('x-spillway-account'),
    ).toBe('a')
  })
})
