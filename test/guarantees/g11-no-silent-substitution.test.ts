/**
 * G11 No silent substitution: another model than the one asked for is served by a rule that
 * the operator wrote and by nothing else, and both the answer’s head and the ledger say so.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../../src/simulator/replies.ts'
import { last, only } from '../support/first.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const modelAt = (): unknown => JSON.parse(last(world.simulator.received).body.toString()).model
const MAPPED = { name: 'mapped', priority: 1, modelMap: { 'claude-opus-5-5': 'claude-haiku-4-5' } }

describe.each([true, false])('with stream: %p', (stream) => {
  it('the model asked for is the model served, and nothing is said of it', async () => {
    world = await openWorld()
    const answer = await world.ask({ model: 'claude-opus-5-5', stream })
    expect(answer.headers.has('x-spillway-model')).toBe(false)
    expect(modelAt()).toBe('claude-opus-5-5')
    expect(only(await world.rows(1))).toMatchObject({
      model: 'claude-opus-5-5',
      servedModel: 'claude-opus-5-5',
    })
  })

  it('a mapped model stands in the head and in the ledger', async () => {
    world = await openWorld({ accounts: [MAPPED] })
    const answer = await world.ask({ model: 'claude-opus-5-5', stream })
    expect(answer.headers.get('x-spillway-model')).toBe('claude-haiku-4-5')
    expect(modelAt()).toBe('claude-haiku-4-5')
    expect(only(await world.rows(1))).toMatchObject({
      model: 'claude-opus-5-5',
      servedModel: 'claude-haiku-4-5',
    })
  })

  it('a failover to an account that maps the model stands there too', async () => {
    world = await openWorld({ accounts: ['plain', MAPPED] })
    world.simulator.always(keyOf('plain'), reply.overloaded)
    const answer = await world.ask({ model: 'claude-opus-5-5', stream })
    expect(answer.headers.get('x-spillway-account')).toBe('mapped')
    expect(answer.headers.get('x-spillway-model')).toBe('claude-haiku-4-5')
    expect(world.simulator.received.map(({ body }) => JSON.parse(body.toString()).model)).toEqual([
      'claude-opus-5-5',
      'claude-haiku-4-5',
    ])
  })

  it('a failover from an account that maps the model asks the next for what the client asked for', async () => {
    world = await openWorld({ accounts: [MAPPED, { name: 'plain', priority: 2 }] })
    world.simulator.always(keyOf('mapped'), reply.overloaded)
    const answer = await world.ask({ model: 'claude-opus-5-5', stream })
    expect(answer.headers.has('x-spillway-model')).toBe(false)
    expect(modelAt()).toBe('claude-opus-5-5')
    expect(only(await world.rows(1))).toMatchObject({ servedModel: 'claude-opus-5-5', account: 'plain' })
  })
})

describe('an unknown model', () => {
  it('is answered with the provider’s own words, and never with another model', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    for (const name of ['a', 'b']) world.simulator.always(keyOf(name), reply.unknownModel('claude-novel-1'))
    const answer = await world.ask({ model: 'claude-novel-1' })
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('model: claude-novel-1')
    expect(world.simulator.received.map(({ body }) => JSON.parse(body.toString()).model)).toEqual([
      'claude-novel-1',
      'claude-novel-1',
    ])
  })

  it('that is spelled like a mapped one is not mapped', async () => {
    world = await openWorld({ accounts: [MAPPED] })
    for (const model of [
      'claude-opus-5',
      'claude-opus-5-5-20260901',
      'CLAUDE-OPUS-5-5',
      'constructor',
      '__proto__',
    ]) {
      await world.ask({ model })
      expect(modelAt()).toBe(model)
    }
  })
})

describe('the mark of a long context', () => {
  it('is not a model, and that it was taken off stands in the head and in the ledger', async () => {
    world = await openWorld()
    const answer = await world.ask({ model: 'claude-sonnet-5-5[1m]' })
    expect(answer.headers.get('x-spillway-model')).toBe('claude-sonnet-5-5')
    expect(modelAt()).toBe('claude-sonnet-5-5')
    expect(only(await world.rows(1))).toMatchObject({
      model: 'claude-sonnet-5-5[1m]',
      servedModel: 'claude-sonnet-5-5',
    })
  })
})

describe('a rule', () => {
  it('holds for counts of tokens as well', async () => {
    world = await openWorld({ accounts: [MAPPED] })
    const answer = await world.post('/v1/messages/count_tokens', { model: 'claude-opus-5-5', messages: [] })
    expect(answer.headers.get('x-spillway-model')).toBe('claude-haiku-4-5')
    expect(modelAt()).toBe('claude-haiku-4-5')
  })

  it('that is taken back is over with the next request', async () => {
    world = await openWorld({ accounts: [MAPPED] })
    await world.api.changeAccount({ params: { id: 'mapped' }, body: { modelMap: {} } })
    const answer = await world.ask({ model: 'claude-opus-5-5' })
    expect(answer.headers.has('x-spillway-model')).toBe(false)
    expect(modelAt()).toBe('claude-opus-5-5')
  })

  it('is charged by the model that served', async () => {
    world = await openWorld({ accounts: ['plain', { ...MAPPED, priority: -1 }] })
    await (await world.ask({ model: 'claude-opus-5-5' })).text()
    await (await world.ask({ model: 'claude-haiku-4-5' })).text()
    const [opus, haiku] = await world.rows(2)
    expect(opus?.costUsd).toBeGreaterThan(0)
    const perToken = (row: typeof opus) =>
      (row?.costUsd ?? 0) / ((row?.inputTokens ?? 0) + (row?.outputTokens ?? 0) + (row?.cacheReadTokens ?? 0))
    expect(perToken(opus)).toBeCloseTo(perToken(haiku), 9)
  })
})
