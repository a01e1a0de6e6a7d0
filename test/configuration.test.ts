/** The configuration as an operator meets it: who may change what where, at once, and with what words. */
import { afterEach, describe, expect, it } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError } from '../src/api/error.ts'
import { openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const settingOf = async (name: string) =>
  (await world.api.showConfig()).settings.find((setting) => setting.name === name)

describe('what is set outside', () => {
  it('by a variable is locked in the API, which names it', async () => {
    world = await openWorld({ environment: { LB_STRATEGY: 'session' } })
    expect(await settingOf('strategy')).toMatchObject({
      value: 'session',
      source: 'environment',
      place: 'LB_STRATEGY',
      isLocked: true,
      lockedBy: 'the variable LB_STRATEGY',
    })
    for (const change of [
      () => world.api.changeConfig({ body: { strategy: 'round-robin' } }),
      () => world.api.changeStrategy({ body: { strategy: 'round-robin' } }),
    ]) {
      const refused = await change().catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(ApiError)
      expect(refused).toMatchObject({
        status: 409,
        message: expect.stringContaining('the variable LB_STRATEGY'),
      })
    }
    expect((await world.api.showStrategy()).strategy).toBe('session')
  })

  it('by the file is locked too, though it was stored before the file said so', async () => {
    world = await openWorld()
    await world.api.changeConfig({ body: { strategy: 'round-robin' } })
    const file = join(world.dataDirectory, 'config.json')
    writeFileSync(file, '{\n  // as the team has agreed\n  "strategy": "session",\n}\n')
    await world.restart()
    expect(await settingOf('strategy')).toMatchObject({ value: 'session', source: 'file', place: file })
    const refused = await world.api
      .changeStrategy({ body: { strategy: 'affinity' } })
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ status: 409, message: expect.stringContaining(`the file ${file}`) })
  })

  it('by a flag is locked for as long as the server runs with it', async () => {
    world = await openWorld({ flags: { retryAttempts: 2 } })
    const refused = await world.api
      .changeConfig({ body: { retryAttempts: 4, strategy: 'session' } })
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ status: 409, message: expect.stringContaining('--set retryAttempts') })
    expect(await settingOf('strategy')).toMatchObject({ value: 'affinity', isLocked: false })
  })
})

it('a default installation switches its strategy, and remembers', async () => {
  world = await openWorld()
  expect(await world.api.changeStrategy({ body: { strategy: 'round-robin' } })).toEqual({
    strategy: 'round-robin',
  })
  await world.restart()
  expect((await world.api.showStrategy()).strategy).toBe('round-robin')
})

it('values are tried without being set', async () => {
  world = await openWorld()
  const { findings } = await world.api.checkConfig({
    body: { settings: { retryAttempts: 99, pools: { work: ['nobody'] } } },
  })
  expect(findings.map(({ path }) => path)).toEqual(['retryAttempts', 'pools.work.tiers[0]'])
  expect(await settingOf('retryAttempts')).toMatchObject({ value: 3, source: 'default' })
})

it('the schema of the file is served for editors', async () => {
  world = await openWorld()
  const answer = await world.admin('/api/config/schema')
  expect(answer.headers.get('content-type')).toContain('application/schema+json')
  expect(await answer.json()).toMatchObject({
    properties: { retryAttempts: { minimum: 1, maximum: 10 } },
  })
})

it('a change is told of by its setting’s name', async () => {
  world = await openWorld()
  await world.api.changeConfig({ body: { retryAttempts: 4, retryBackoff: 3 } })
  const told = world
    .log()
    .split('\n')
    .filter((line) => line.includes('changeConfig'))
  expect(told.map((line) => JSON.parse(line).target)).toEqual(['retryAttempts', 'retryBackoff'])
})

it('a password in a URL is shown to nobody', async () => {
  const anthropicUrl = 'http://me:CANARY-password@127.0.0.1:1'
  world = await openWorld({ environment: { SPILLWAY_ANTHROPIC_URL: anthropicUrl } })
  expect(await settingOf('anthropicUrl')).toMatchObject({ value: 'http://me:***@127.0.0.1:1' })
  expect(JSON.stringify(await world.api.showConfig())).not.toContain('CANARY')
})
