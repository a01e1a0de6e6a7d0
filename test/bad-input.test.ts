/**
 * What a client is told when its request cannot be served: each time a status, a type and a
 * sentence in its dialect, the id of the row where there is one, and nothing sent upstream.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { gzipSync } from 'node:zlib'
import * as reply from '../src/simulator/replies.ts'
import { only } from './support/first.ts'
import { exchange, headerOf, type RawAnswer } from './support/raw-answer.ts'
import { bodyOf, requestBytes } from './support/requests.ts'
import { keyOf, openWorld, type World, type WorldOptions } from './support/world.ts'

let world: World
afterEach(() => world.stop())

interface Expected {
  readonly status: number
  readonly type: string
  readonly words: readonly string[]
}

function expectError(answer: RawAnswer, { status, type, words }: Expected): void {
  expect(answer).toMatchObject({ status, isWhole: true })
  expect(headerOf(answer, 'content-type')).toBe('application/json')
  const envelope = JSON.parse(answer.body.toString())
  const { message }: { readonly message: string } = envelope.error
  expect([envelope.type, envelope.error.type]).toEqual(['error', type])
  expect(message).toMatch(/^[A-Z/].*\w.*[.]/s)
  for (const word of words) expect(message).toContain(word)
  expect(message).not.toMatch(/\n\s+at |undefined|\[object/)
  expect(envelope.request_id).toBeString()
  const row = headerOf(answer, 'x-spillway-request-id')
  if (row !== undefined) {
    expect(row).toBe(envelope.request_id)
  }
}

const WRONG_BODIES: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
  ['nothing', '', ['JSON']],
  ['no JSON', 'model=claude', ['JSON']],
  ['JSON that was cut off', bodyOf().slice(0, -5), ['JSON', 'whole']],
  ['two objects', `${bodyOf()}${bodyOf()}`, ['JSON']],
  ['a list', '[]', ['JSON object']],
  ['a text', '"claude"', ['JSON object']],
  ['null', 'null', ['JSON object']],
  ['bytes', new Uint8Array([0xff, 0xfe, 0x00, 0x01]), ['JSON']],
  ['an object without a model', '{"messages":[]}', ['"model"']],
  ['a model that is a number', '{"model":5,"messages":[]}', ['"model"']],
  ['a model that is null', '{"model":null,"messages":[]}', ['"model"']],
]

describe('a body that is wrong', () => {
  it.each(WRONG_BODIES)('(%s) is refused with 400 and words that help', async (_what, body, words) => {
    world = await openWorld()
    const answer = await exchange(world.url, requestBytes({ body }))
    expectError(answer, { status: 400, type: 'invalid_request_error', words })
    expect(only(await world.rows(1))).toMatchObject({
      id: headerOf(answer, 'x-spillway-request-id'),
      outcome: 'client-error',
      status: 400,
      attempts: [],
    })
    expect(world.simulator.received).toEqual([])
  })

  it('because it is compressed is refused with 415', async () => {
    world = await openWorld()
    const lines = ['content-encoding: gzip']
    const answer = await exchange(world.url, requestBytes({ body: gzipSync(bodyOf()), lines }))
    expectError(answer, { status: 415, type: 'invalid_request_error', words: ['compressed', 'gzip'] })
    expect(world.simulator.received).toEqual([])
  })

  it('because it is too large is refused with 413, the limit and its setting', async () => {
    world = await openWorld({ settings: { maxBodyBytes: 2_000 } })
    const answer = await exchange(world.url, requestBytes({ body: bodyOf({ system: 'x'.repeat(3_000) }) }))
    expectError(answer, { status: 413, type: 'request_too_large', words: ['2000 bytes', 'maxBodyBytes'] })
  })

  it('is the same to a count of tokens', async () => {
    world = await openWorld()
    const answer = await exchange(world.url, requestBytes({ target: '/v1/messages/count_tokens', body: '{' }))
    expectError(answer, { status: 400, type: 'invalid_request_error', words: ['JSON'] })
  })
})

describe('a request that nobody can serve', () => {
  const ask = async (options: WorldOptions, lines: readonly string[] = []): Promise<RawAnswer> => {
    world = await openWorld(options)
    return exchange(world.url, requestBytes({ lines }))
  }

  it('because there is no account is told how to add one', async () => {
    expectError(await ask({ accounts: [] }), {
      status: 503,
      type: 'api_error',
      words: ['spillway accounts add', 'spillway demo'],
    })
  })

  it('because its account is paused is told which, and that', async () => {
    world = await openWorld({ accounts: ['work'] })
    await world.api.pauseAccount({ params: { id: 'work' } })
    expectError(await exchange(world.url, requestBytes()), {
      status: 503,
      type: 'api_error',
      words: ['work', 'paused'],
    })
  })

  it('because nobody knows its model is told so in the provider’s words', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), reply.unknownModel('claude-nine'))
    const answer = await exchange(world.url, requestBytes({ body: bodyOf({ model: 'claude-nine' }) }))
    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      error: { type: 'not_found_error', message: 'model: claude-nine' },
    })
  })

  it.each([
    ['without a key', [], ['carries none', 'spillway keys create']],
    ['with a wrong key', ['x-api-key: spk_wrong'], ['not one of this gateway', 'spillway keys create']],
    ['with a provider’s key', ['authorization: Bearer sk-ant-api03-x'], ['not one of this gateway']],
  ])('because it comes %s is told where keys come from', async (_how, lines, words) => {
    const answer = await ask({ settings: { requireKeys: 'always' } }, lines)
    expectError(answer, { status: 401, type: 'authentication_error', words })
    expect(headerOf(answer, 'x-should-retry')).toBe('false')
    expect(world.simulator.received).toEqual([])
    expect(await world.rows(0)).toEqual([])
  })

  it.each(['/v1/oauth/token', '/v1/organizations/me', '/v1/me'])(
    'because %s is about one account is told that',
    async (target) => {
      world = await openWorld()
      const answer = await exchange(world.url, requestBytes({ target }))
      expectError(answer, { status: 404, type: 'not_found_error', words: [target] })
      expect(world.simulator.received).toEqual([])
    },
  )

  it.each(['//v1/messages', '/v1/../v1/messages', '/v1/messages%2f', '/v1\\messages'])(
    'because its path %s can be read in two ways is told that',
    async (target) => {
      world = await openWorld()
      const answer = await exchange(world.url, requestBytes({ target }))
      expect(answer.status).toBe(400)
      expect(answer.body.toString()).toContain('plain form')
      expect(world.simulator.received).toEqual([])
    },
  )
})
