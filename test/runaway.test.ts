/** The runaway brake and what keys say about their requests, over real sockets. */
import { afterEach, describe, expect, it } from 'bun:test'
import { streamEvents } from '../src/simulator/events.ts'
import * as reply from '../src/simulator/replies.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const settings = { runawayRepeats: 3, runaway: 'refuse' }

async function repeat(times: number, headers: Record<string, string> = {}): Promise<Response> {
  for (let count = 0; count < times; count++) await (await world.ask({}, headers)).text()
  return world.ask({}, headers)
}

describe('a client that asks the very same thing again and again', () => {
  it('is refused in words that it can read, and spends nothing more', async () => {
    world = await openWorld({ settings })
    const refused = await repeat(3)
    expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([429, 'false'])
    const message = expect.stringContaining('the same request was answered 3 times within 10 minutes')
    expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', message } })
    expect(world.simulator.received).toHaveLength(3)
    const row = (await world.rows(4)).at(-1)
    expect(row).toMatchObject({ status: 429, outcome: 'refused', account: null })
    expect(row?.decision.refusal).toContain('seems to have run away')
    const other = await world.ask({ messages: [{ role: 'user', content: 'something else' }] })
    expect(other.status).toBe(200)
  })

  it('is only warned by default, in a header, once in the log and in the metrics', async () => {
    world = await openWorld({ settings: { runawayRepeats: 2 } })
    const warned = await repeat(2)
    expect(warned.status).toBe(200)
    expect(warned.headers.get('x-spillway-warning')).toContain('the same request was answered 2 times')
    await warned.text()
    await (await world.ask()).text()
    expect(world.log().split('seems to have run away')).toHaveLength(2)
    const metrics = await (await world.admin('/metrics')).text()
    expect(metrics).toContain('spillway_runaway_total{kind="repeats",action="warn"} 2')
  })

  it('is left alone where nobody minds', async () => {
    world = await openWorld({ settings: { ...settings, runaway: 'off' } })
    const answer = await repeat(6)
    expect([answer.status, answer.headers.get('x-spillway-warning')]).toEqual([200, null])
  })

  it('may ask again for what failed', async () => {
    world = await openWorld({ settings: { ...settings, retryAttempts: 1, circuitFaults: 0 } })
    world.simulator.always(keyOf('a'), reply.serverError)
    await repeat(6)
    world.simulator.always(keyOf('a'), undefined)
    expect((await world.ask()).status).toBe(200)
  })

  it('is judged by its key before the setting', async () => {
    world = await openWorld({ settings })
    const { secret } = await world.api.createKey({ body: { name: 'loop', runaway: 'off' } })
    expect((await repeat(5, { 'x-api-key': secret })).status).toBe(200)
    await world.api.changeKey({ params: { id: 'loop' }, body: { runaway: null } })
    expect((await world.ask({}, { 'x-api-key': secret })).status).toBe(200)
    expect((await repeat(3, { 'x-api-key': secret })).status).toBe(429)
  })
})

it('a conversation that uses up tokens too fast is refused until it has slowed down', async () => {
  world = await openWorld({ settings: { runaway: 'refuse', runawayTokensPerMinute: 20 } })
  const talk = { 'x-claude-code-session-id': 'talk' }
  await (await world.ask({ messages: [{ role: 'user', content: 'one' }] }, talk)).text()
  const refused = await world.ask({ messages: [{ role: 'user', content: 'two' }] }, talk)
  expect(refused.status).toBe(429)
  expect(await refused.text()).toMatch(/used \d+ tokens in the last minute, more than 20/)
  expect((await world.ask({}, { 'x-claude-code-session-id': 'another' })).status).toBe(200)
})

it('tokens count too where their answers broke off', async () => {
  world = await openWorld({ settings: { runaway: 'refuse', runawayTokensPerMinute: 50 } })
  const usage = { inputTokens: 100, outputTokens: 9 }
  const events = streamEvents({ id: 'msg_1', model: 'claude-sonnet-5-5', text: 'cut', usage })
  world.simulator.script(keyOf('a'), reply.brokenStream(events.slice(0, 4), [reply.wait(30), reply.reset]))
  const talk = { 'x-claude-code-session-id': 'talk' }
  const cut = await world.ask({ stream: true }, talk)
  await cut.text().catch(() => undefined)
  expect((await world.rows(1))[0]).toMatchObject({ outcome: 'truncated', inputTokens: 100 })
  expect((await world.ask({}, talk)).status).toBe(429)
})

it('a warning changes nothing of what is sent, where it goes and what comes back (G1)', async () => {
  world = await openWorld({ accounts: ['a', 'b'], settings: { runawayRepeats: 1 } })
  const usage = { inputTokens: 9, outputTokens: 3 }
  const answer = reply.message({ id: 'msg_1', model: 'claude-sonnet-5-5', text: 'the very same', usage })
  for (const name of ['a', 'b']) world.simulator.always(keyOf(name), answer)
  const [first, warned] = [await world.ask(), await world.ask()]
  expect(warned.headers.get('x-spillway-warning')).toMatch(/^runaway: /)
  const heads = [first, warned].map((each) => [...each.headers].filter(([name]) => !OF_ONE_ANSWER.has(name)))
  expect(heads[1]).toEqual(heads[0] ?? [])
  expect(await warned.text()).toBe(await first.text())
  const [sent, again] = world.simulator.received
  expect([again?.target, again?.headers, String(again?.body)]).toEqual([
    sent?.target,
    sent?.headers ?? [],
    String(sent?.body),
  ])
})

describe('two keys whose clients begin with the same words', () => {
  it('are two: the loop of one is not held against the other', async () => {
    world = await openWorld({ settings })
    const keyed = async (name: string) => ({
      'x-api-key': (await world.api.createKey({ body: { name } })).secret,
    })
    const [loop, other] = [await keyed('loop'), await keyed('other')]
    const refused = await repeat(3, loop)
    expect(refused.status).toBe(429)
    expect(await refused.text()).toContain('spillway keys set loop --runaway warn')
    expect((await world.ask({}, other)).status).toBe(200)
  })
})

describe('a key’s rules', () => {
  it('are kept, shown, changed and taken back', async () => {
    world = await openWorld()
    const body = {
      name: 'ci',
      pool: 'team',
      class: 'background',
      hold: '10m',
      runaway: 'refuse',
      models: { opus: 'claude-haiku-5-5' },
    } as const
    const { secret: _, ...created } = await world.api.createKey({ body })
    expect(created).toMatchObject({ ...body, hold: '600s' })
    await world.restart()
    expect(await world.api.showKey({ params: { id: 'ci' } })).toEqual(created)
    const changed = await world.api.changeKey({
      params: { id: 'ci' },
      body: { hold: 90, pool: null, models: null },
    })
    expect(changed).toMatchObject({ class: 'background', hold: '90s' })
    expect(changed.pool).toBeUndefined()
    expect(changed.models).toBeUndefined()
  })

  it('that mean nothing are refused with their place', async () => {
    world = await openWorld()
    const create = (fields: object) =>
      world.admin('/api/keys', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'x', ...fields }),
      })
    for (const [path, fields] of [
      ['hold', { hold: 'soon' }],
      ['hold', { hold: '2h' }],
      ['class', { class: 'urgent' }],
      ['runaway', { runaway: 'stop' }],
      ['models.opus', { models: { opus: '' } }],
    ] as const) {
      const answer = await create(fields)
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ error: { details: [{ path }] } })
    }
  })

  it('choose the pool that serves it, and no other', async () => {
    const accounts = ['a', 'b'].map((name) => ({ name, groups: [`only-${name}`] }))
    world = await openWorld({ accounts })
    const { secret } = await world.api.createKey({ body: { name: 'k', pool: 'only-b' } })
    const headers = { 'x-api-key': secret }
    expect((await world.ask({}, headers)).headers.get('x-spillway-account')).toBe('b')
    const elsewhere = await world.post('/pool/only-a/v1/messages', QUESTION, headers)
    expect(elsewhere.status).toBe(403)
    expect(await elsewhere.text()).toContain('belongs to the pool only-b')
    expect((await world.post('/pool/only-b/v1/messages', QUESTION, headers)).status).toBe(200)
  })

  it('put another model in the place of the one asked for, and say so (G11)', async () => {
    world = await openWorld()
    const { secret } = await world.api.createKey({
      body: { name: 'k', models: { opus: 'claude-haiku-5-5' } },
    })
    const answer = await world.ask({ model: 'claude-opus-5-5' }, { 'x-api-key': secret })
    expect(answer.headers.get('x-spillway-model')).toBe('claude-haiku-5-5')
  })

  it('make its requests wait rather than be refused', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.throttled(600))
    const { secret } = await world.api.createKey({ body: { name: 'patient', hold: '1m' } })
    const asked = world.ask({}, { 'x-api-key': secret })
    await eventually(async () => (await world.api.showQueue()).waiting[0]?.key === 'patient', 'it to be held')
    await world.api.clearCooldown({ params: { id: 'a' } })
    expect((await asked).status).toBe(200)
  })

  it('of the background can’t be claimed away', async () => {
    world = await openWorld()
    const { secret } = await world.api.createKey({ body: { name: 'k', class: 'background' } })
    await (await world.ask({}, { 'x-api-key': secret, 'x-spillway-class': 'interactive' })).text()
    expect((await world.rows(1))[0]?.decision.class).toBe('background')
  })
})

const OF_ONE_ANSWER = new Set(['x-spillway-request-id', 'x-spillway-warning', 'date'])

const QUESTION = {
  model: 'claude-sonnet-5-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'Is this index used?' }],
}
