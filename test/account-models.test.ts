/** Accounts that serve some models, other models, or so many requests at once; over real sockets. */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const modelsSeen = (name: string): readonly string[] =>
  world.simulator.requestsOf(keyOf(name)).map(({ body }) => JSON.parse(body.toString()).model)

describe('a model map', () => {
  it('may name families and alternatives, and says what was served (G11)', async () => {
    const modelMap = { opus: ['glm-5.3', 'glm-5.2'], '*': 'glm-4.7' }
    world = await openWorld({ accounts: [{ name: 'a', modelMap }] })
    expect((await world.api.showAccount({ params: { id: 'a' } })).modelMap).toEqual(modelMap)
    const opus = await world.ask({ model: 'claude-opus-5-5' })
    expect(opus.headers.get('x-spillway-model')).toBe('glm-5.3')
    const other = await world.ask({ model: 'claude-haiku-5-5' })
    expect(other.headers.get('x-spillway-model')).toBe('glm-4.7')
  })

  it('goes on to the next alternative on the same account when the first is not there', async () => {
    const modelMap = { opus: ['gone', 'glm-5.2'] }
    world = await openWorld({
      accounts: [
        { name: 'a', modelMap },
        { name: 'b', priority: 5 },
      ],
    })
    world.simulator.script(keyOf('a'), reply.unknownModel('gone'))
    const answer = await world.ask({ model: 'claude-opus-5-5' })
    expect([answer.headers.get('x-spillway-account'), answer.headers.get('x-spillway-model')]).toEqual([
      'a',
      'glm-5.2',
    ])
    expect(modelsSeen('a')).toEqual(['gone', 'glm-5.2'])
  })

  it('survives a restart and an older shape in the database', async () => {
    world = await openWorld({
      accounts: [{ name: 'a', modelMap: { opus: 'glm-5.3' }, models: ['glm-5.3'], maxConcurrent: 3 }],
    })
    await world.restart()
    expect(await world.api.showAccount({ params: { id: 'a' } })).toMatchObject({
      modelMap: { opus: 'glm-5.3' },
      models: ['glm-5.3'],
      maxConcurrent: 3,
    })
    const body = { models: null, maxConcurrent: null }
    const changed = await world.api.changeAccount({ params: { id: 'a' }, body })
    expect([changed.models, changed.maxConcurrent]).toEqual([undefined, undefined])
  })
})

describe('a list of models', () => {
  it('keeps other models away, and says so when nobody has one', async () => {
    world = await openWorld({
      accounts: [
        { name: 'a', models: ['haiku'] },
        { name: 'b', models: ['sonnet', 'haiku'], priority: 1 },
      ],
    })
    expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
    expect((await world.ask(HAIKU)).headers.get('x-spillway-account')).toBe('a')
    const nobody = await world.ask({ model: 'claude-opus-5-5' })
    expect([nobody.status, nobody.headers.get('x-should-retry')]).toEqual([403, 'false'])
    const text = await nobody.text()
    expect(text).toContain('a: its list of models does not have it. b: its list of models does not have it')
    expect(modelsSeen('a')).toEqual(['claude-haiku-5-5'])
  })
})

it('what a provider has refused for a model is remembered for that model, when another served it', async () => {
  world = await openWorld({ accounts: ['a', { name: 'b', priority: 1 }] })
  world.simulator.script(keyOf('a'), reply.unknownModel('claude-sonnet-5-5'))
  expect((await world.ask()).headers.get('x-spillway-account')).toBe('b')
  const other = await world.ask({ messages: [{ role: 'user', content: 'another' }] })
  expect(other.headers.get('x-spillway-account')).toBe('b')
  expect((await world.ask(HAIKU)).headers.get('x-spillway-account')).toBe('a')
  const { cooldowns } = await world.api.showAccount({ params: { id: 'a' } })
  expect(cooldowns).toMatchObject([{ scope: 'model:claude-sonnet-5-5', cause: 'model-not-found' }])
})

it.each([
  ['modelMap.opus', { modelMap: { opus: '' } }],
  ['modelMap.opus', { modelMap: { opus: [] } }],
  ['models', { models: [] }],
  ['maxConcurrent', { maxConcurrent: 0 }],
])('nonsense in %s is refused with its place', async (path, fields) => {
  world = await openWorld({ accounts: ['a'] })
  const answer = await world.admin('/api/accounts/a', {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  })
  expect(answer.status).toBe(400)
  const { error } = (await answer.json()) as { error: { details: { path: string }[] } }
  expect(error.details[0]?.path).toStartWith(path)
})

/** A conversation of its own. */
const HAIKU = { model: 'claude-haiku-5-5', messages: [{ role: 'user', content: 'in short' }] }
