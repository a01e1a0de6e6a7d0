/**
 * G13 Explained: every request’s row says who could have served it, what excluded each of the
 * others and until when, why the winner won, and what was tried.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import type { LedgerRequest } from '../../src/api/contract.ts'
import * as reply from '../../src/simulator/replies.ts'
import { last, only } from '../support/first.ts'
import { exchange } from '../support/raw-answer.ts'
import { eventually, keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const candidateOf = ({ decision }: LedgerRequest, name: string) =>
  only(decision.candidates.filter((candidate) => candidate.account === name))

describe('the row of a request that was served', () => {
  it('names the strategy, every candidate and the reason', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 1 }] })
    await world.ask()
    const row = only(await world.rows(1))
    expect(row.decision).toMatchObject({
      strategy: 'affinity',
      candidates: [{ account: 'a' }, { account: 'b' }],
    })
    expect(row.decision.reason).toContain('priority')
    expect(row.decision.refusal).toBeUndefined()
    expect(row.attempts).toEqual([{ account: 'a', status: 200, ms: expect.any(Number) }])
  })

  it('says when a conversation stayed where its cache is', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    await (await world.ask()).text()
    await (await world.ask()).text()
    const row = last(await world.rows(2))
    expect(row.decision.reason).toContain('cache is warm')
  })

  it('says who was paused', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 1 }] })
    await world.api.pauseAccount({ params: { id: 'a' } })
    await world.ask()
    expect(candidateOf(only(await world.rows(1)), 'a')).toEqual({ account: 'a', excluded: 'paused' })
  })

  it('says who was cooling down, from what and until when', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 1 }] })
    world.simulator.script(keyOf('a'), reply.throttled(30))
    await (await world.ask({ system: 'one' })).text()
    await (await world.ask({ system: 'two' })).text()
    const { cooldowns } = await world.api.showAccount({ params: { id: 'a' } })
    const row = last(await world.rows(2))
    const { excluded, until } = candidateOf(row, 'a')
    expect(excluded).toContain('cooling')
    expect(excluded).toContain(only(cooldowns).evidence)
    expect(until).toBe(only(cooldowns).until)
    expect(row.attempts.map(({ account }) => account)).toEqual(['b'])
  })

  it('lists the attempts in their order, with what was seen of each', async () => {
    world = await openWorld({
      accounts: ['a', { name: 'b', priority: 1 }, { name: 'c', priority: 2 }, { name: 'd', priority: 3 }],
    })
    world.simulator.always(keyOf('a'), reply.serverError)
    world.simulator.always(keyOf('b'), [reply.send('no http\r\n\r\n')])
    world.simulator.always(keyOf('c'), reply.throttled(30))
    await world.ask()
    const row = only(await world.rows(1))
    const ms = expect.any(Number)
    expect(row.attempts).toEqual([
      { account: 'a', status: 500, failure: 'server-error', detail: expect.stringContaining('500'), ms },
      { account: 'b', failure: 'bad-response', detail: expect.any(String), ms },
      { account: 'c', status: 429, failure: 'throttled', detail: expect.stringContaining('30 s'), ms },
      { account: 'd', status: 200, ms },
    ])
    expect(candidateOf(row, 'a').excluded).toContain('500')
    expect(candidateOf(row, 'b').excluded).toBeString()
    expect(candidateOf(row, 'c').until).toBeString()
    expect(candidateOf(row, 'd')).toEqual({ account: 'd' })
  })

  it('says that a file lives with the account that made it', async () => {
    world = await openWorld({ accounts: ['a', 'b'], settings: { strategy: 'round-robin' } })
    const made = await world.post('/v1/files', 'content')
    const owner = made.headers.get('x-spillway-account')
    const { id }: { readonly id: string } = JSON.parse(await made.text())
    const content = [{ type: 'document', source: { type: 'file', file_id: id } }]
    await world.ask({ messages: [{ role: 'user', content }] })
    const row = last(await world.rows(2))
    expect(row.account).toBe(owner)
    const other = owner === 'a' ? 'b' : 'a'
    expect(candidateOf(row, other).excluded).toBe('not-the-owner')
  })

  it('says who was just being tested', async () => {
    world = await openWorld({ accounts: ['a', { name: 'b', priority: 1 }] })
    world.simulator.script(keyOf('a'), reply.throttled(1), [reply.stall])
    await (await world.ask({ system: 'one' })).text()
    const gone = new AbortController()
    await eventually(
      async () => (await world.api.showAccount({ params: { id: 'a' } })).state.kind === 'ready' || undefined,
      'the cooldown to be over',
    )
    const testing = fetch(`${world.url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({ model: 'claude-sonnet-5-5', messages: [] }),
      signal: gone.signal,
    }).catch(() => {})
    await eventually(() => world.simulator.requestsOf(keyOf('a'))[1], 'the test')
    await (await world.ask({ system: 'two' })).text()
    expect(candidateOf(last(await world.rows(2)), 'a').excluded).toContain('probing')
    gone.abort()
    await testing
  })
})

describe('the row of a request that nobody served', () => {
  it('lists every account with its reason and its time, as the client was told', async () => {
    world = await openWorld({ accounts: ['a', 'b', 'c'] })
    await world.api.pauseAccount({ params: { id: 'c' } })
    world.simulator.always(keyOf('a'), reply.throttled(30))
    world.simulator.always(keyOf('b'), reply.windowSpent('5h', Math.floor(Date.now() / 1_000) + 3_600))
    const answer = await world.ask()
    expect(answer.status).toBe(429)
    const { error }: { readonly error: { readonly message: string } } = JSON.parse(await answer.text())
    for (const words of ['a: ', '30 s', 'b: ', '5h', 'until ']) expect(error.message).toContain(words)
    const row = only(await world.rows(1))
    expect(row).toMatchObject({ outcome: 'refused', status: 429, account: null })
    expect(row.decision.refusal).toBe(error.message)
    expect(row.decision.reason).toBeUndefined()
    for (const name of ['a', 'b']) expect(candidateOf(row, name).until).toBeString()
    expect(candidateOf(row, 'c')).toEqual({ account: 'c', excluded: 'paused' })
    expect(row.attempts).toHaveLength(2)
  })

  it('says so when an upstream’s answer was passed on', async () => {
    world = await openWorld({ accounts: ['a', 'b'], settings: { retryAttempts: 1 } })
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), reply.serverError)
    const answer = await world.ask()
    expect(answer.status).toBe(500)
    const row = only(await world.rows(1))
    expect(row).toMatchObject({
      outcome: 'upstream-error',
      status: 500,
      error: expect.stringContaining('api_error'),
    })
    expect(row.decision.refusal).toContain('passed on')
    for (const name of ['a', 'b']) expect(candidateOf(row, name).excluded).toContain('500')
  })

  it('exists for a body that could not be read, and for a refused one', async () => {
    world = await openWorld()
    for (const [body, status] of [
      ['{"model":', 400],
      ['[]', 400],
      ['{"messages":[]}', 400],
    ] as const) {
      const answer = await world.post('/v1/messages', body)
      expect(answer.status).toBe(status)
      const id = answer.headers.get('x-spillway-request-id') ?? ''
      expect(await world.api.showRequest({ params: { id } })).toMatchObject({
        outcome: 'client-error',
        status,
        attempts: [],
        error: expect.any(String),
      })
    }
  })

  it('is told apart from one that there was no account for', async () => {
    world = await openWorld({ accounts: [] })
    const answer = await exchange(world.url, 'GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
    expect(answer.status).toBe(503)
    expect(only(await world.rows(1))).toMatchObject({
      outcome: 'refused',
      decision: { reason: 'no account is configured', candidates: [] },
    })
  })
})
