/** Accounts that serve some models, other models, or so many requests at once; over real sockets. */
import { afterEach, describe, expect, it } from 'bun:test'
import type { Account } from '../src/api/contract.ts'
import * as reply from '../src/simulator/replies.ts'
import { openSignInWorld, refusalOf, signIn } from './support/sign-in.ts'
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

const MANY = Object.fromEntries(Array.from({ length: 501 }, (_, number) => [`model-${number}`, 'a']))

describe('what cannot be meant', () => {
  const aMap = (modelMap: unknown) => ({ modelMap })
  it.each<[string, string, object, string]>([
    ['a map to nothing', 'modelMap.opus', aMap({ opus: '' }), '"modelMap.opus": must name a model'],
    ['a map to nothing', 'modelMap.opus', aMap({ opus: '' }), 'must name a model'],
    ['no alternatives', 'modelMap.opus', aMap({ opus: [] }), 'or several, best first: "glm-5.3"'],
    ['a number', 'modelMap.opus', aMap({ opus: 5 }), 'must name a model, or several'],
    ['null', 'modelMap.opus', aMap({ opus: null }), 'must name a model, or several'],
    ['an empty alternative', 'modelMap.opus.1', aMap({ opus: ['glm-5.3', ''] }), 'must name a model'],
    ['a map from nothing', 'modelMap.', aMap({ '': 'a' }), 'must say for each model, family or "*"'],
    ['a list for a map', 'modelMap', aMap(['opus']), 'must say for each model, family or "*"'],
    ['too large a map', 'modelMap', aMap(MANY), 'may have at most 500 entries'],
    ['a map from a pattern', 'modelMap.claude-*', aMap({ 'claude-*': 'a' }), 'Name the model itself.'],
    ['a map past the list', 'modelMap.sonnet', aMap({ sonnet: 'glm-4.7' }), 'Did you mean "glm-5.3"?'],
    ['a list without the map', 'models', { models: ['haiku'] }, 'map asks for "glm-5.3" instead of "opus"'],
    ['an empty list', 'models', { models: [] }, 'null stands for whatever its provider and plan have'],
    ['a name for a list', 'models', { models: 'haiku' }, 'must be a list of models or families'],
    ['an empty name', 'models.0', { models: [''] }, 'must name a model'],
    ['none at once', 'maxConcurrent', { maxConcurrent: 0 }, '"maxConcurrent"'],
    ['one and a half', 'maxConcurrent', { maxConcurrent: 1.5 }, '"maxConcurrent"'],
    ['too many at once', 'maxConcurrent', { maxConcurrent: 10_001 }, '"maxConcurrent"'],
  ])('is refused with its place and what to write instead: %s', async (_what, path, fields, words) => {
    const before = { modelMap: { opus: 'glm-5.3' }, models: ['glm-5.3'], maxConcurrent: 3 }
    world = await openWorld({ accounts: [{ name: 'a', ...before }] })
    const { status, error } = await send('PATCH', '/a', fields)
    expect([status, error?.details?.[0]?.path]).toEqual([400, path])
    expect(error?.message).toContain(words)
    expect(await show('a')).toMatchObject(before)
  })

  it.each<[string, object]>([
    ['modelMap.opus', { modelMap: { opus: '' } }],
    ['modelMap.sonnet', { modelMap: { sonnet: 'glm-5.3' }, models: ['haiku'] }],
    ['modelMap.gpt-*', { modelMap: { 'gpt-*': 'glm-5.3' } }],
    ['maxConcurrent', { maxConcurrent: 0 }],
  ])('is refused of a new account, too, in %s', async (path, fields) => {
    world = await openWorld({ accounts: [] })
    const entry = { name: 'new', provider: 'console', apiKey: 'CANARY-new', ...fields }
    const { status, error } = await send('POST', '', entry)
    expect([status, error?.details?.[0]?.path]).toEqual([400, path])
    expect((await world.api.listAccounts()).accounts).toEqual([])
  })
})

describe('what was said', () => {
  it('is replaced as a whole, and taken back with null', async () => {
    world = await openWorld({ accounts: [{ name: 'a', modelMap: null, models: null, maxConcurrent: null }] })
    expect(await show('a')).toMatchObject({ modelMap: {} })
    const change = (body: object) => world.api.changeAccount({ params: { id: 'a' }, body })
    const first = { modelMap: { Opus: 'glm-5.3', haiku: ['x', 'x', 'y'] }, models: ['glm-*', 'x', 'y'] }
    const normal = { modelMap: { opus: 'glm-5.3', haiku: ['x', 'y'] }, models: first.models }
    expect(await change({ ...first, maxConcurrent: 10_000 })).toMatchObject({
      ...normal,
      maxConcurrent: 10_000,
    })
    expect((await change({ modelMap: { sonnet: 'x' } })).modelMap).toEqual({ sonnet: 'x' })
    expect((await change({ priority: 2 })).models).toEqual(first.models)
    const bare = await change({ modelMap: null, models: null, maxConcurrent: null })
    expect(bare.modelMap).toEqual({})
    expect(bare).not.toHaveProperty('models')
    expect(bare).not.toHaveProperty('maxConcurrent')
  })

  it('is remarked on where the provider is not known for a name, and done all the same', async () => {
    world = await openWorld({ accounts: [] })
    const entry = { name: 'glm', provider: 'zai', apiKey: 'CANARY-glm', modelMap: { opus: 'gml-5.3' } }
    const added = await world.api.addAccount({ body: entry })
    expect(added.notes).toEqual([expect.stringContaining('Did you mean "glm-5.3"?')])
    expect(await show('glm')).toMatchObject({ modelMap: { opus: 'gml-5.3' } })
    expect(await show('glm')).not.toHaveProperty('notes')
    const params = { id: 'glm' }
    expect(await world.api.changeAccount({ params, body: { priority: 1 } })).not.toHaveProperty('notes')
    const right = await world.api.changeAccount({ params, body: { modelMap: { opus: 'glm-5.3' } } })
    expect(right).not.toHaveProperty('notes')
  })
})

describe('a sign-in', () => {
  it('takes what the new account serves, and refuses contradictions before anybody signs in', async () => {
    world = await openSignInWorld()
    const contradiction = { modelMap: { opus: 'glm-5.3' }, models: ['haiku'] }
    const refusal = await refusalOf(signIn(world, 'max', contradiction))
    expect(refusal.message).toContain('The map asks for "glm-5.3" instead of "opus"')
    const serves = { modelMap: { opus: 'claude-sonnet-5-5' }, models: ['sonnet'], maxConcurrent: 2 }
    expect(await signIn(world, 'max', serves)).toMatchObject(serves)
    const again = await refusalOf(signIn(world, 'max', { models: ['haiku'] }))
    expect(again.message).toContain('leave out models')
  })
})

const show = (id: string): Promise<Account> => world.api.showAccount({ params: { id } })

interface Answered {
  readonly status: number
  readonly error?: {
    readonly message: string
    readonly details?: readonly { readonly path: string }[]
  }
}

/** As nobody's typed client would send it. */
async function send(method: string, path: string, fields: object): Promise<Answered> {
  const body = JSON.stringify(fields)
  const headers = { 'content-type': 'application/json' }
  const answer = await world.admin(`/api/accounts${path}`, { method, headers, body })
  return { status: answer.status, ...JSON.parse(await answer.text()) }
}

/** A conversation of its own. */
const HAIKU = { model: 'claude-haiku-5-5', messages: [{ role: 'user', content: 'in short' }] }
