/**
 * What broke elsewhere (`lessons.md`) and is covered by no test of a guarantee, a fault, a
 * threat or a client. Which test covers which row stands in test/README.md.
 */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, it } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SETTING_NAMES } from '../src/settings.ts'
import * as reply from '../src/simulator/replies.ts'
import { only } from './support/first.ts'
import { ROOT } from './support/gateway-process.ts'
import { exchange } from './support/raw-answer.ts'
import { requestBytes } from './support/requests.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const inSession = (name: string) => ({ 'x-claude-code-session-id': name })
const accountOf = (answer: Response): string => answer.headers.get('x-spillway-account') ?? ''

async function ask(session: string, fields: object = {}): Promise<string> {
  const answer = await world.ask({ ...fields }, inSession(session))
  await answer.text()
  return accountOf(answer)
}

describe('parallel projects', () => {
  it('each keep an account of their own, however they alternate, and all accounts are in use', async () => {
    world = await openWorld({ accounts: ['a', 'b', 'c'] })
    const homes = new Map<string, Set<string>>()
    for (let turn = 0; turn < 6; turn++) {
      const projects = ['p1', 'p2', 'p3', 'p4']
      for (const project of turn % 2 === 0 ? projects : projects.toReversed()) {
        homes.set(project, (homes.get(project) ?? new Set()).add(await ask(project)))
      }
    }
    for (const used of homes.values()) expect(used.size).toBe(1)
    expect(new Set([...homes.values()].flatMap((used) => [...used])).size).toBe(3)
  })

  it('that begin at once do not all sit on one account while its siblings idle', async () => {
    world = await openWorld({ accounts: ['a', 'b', 'c'] })
    const gate = Promise.withResolvers<void>()
    for (const name of ['a', 'b', 'c']) {
      world.simulator.always(keyOf(name), [
        reply.until(gate.promise),
        ...reply.whole(200, '{"type":"message"}'),
      ])
    }
    const asked = Promise.all(Array.from({ length: 9 }, (_, index) => ask(`p${index}`)))
    await eventually(() => world.simulator.received.length === 9 || undefined, 'nine requests')
    gate.resolve()
    const used = await asked
    for (const name of ['a', 'b', 'c']) expect(used.filter((each) => each === name)).toHaveLength(3)
  })
})

describe('a conversation’s account', () => {
  it('is left as soon as it is paused, and so is one whose plan lacks the model', async () => {
    world = await openWorld({ accounts: ['a', 'b'] })
    const home = await ask('s')
    const other = home === 'a' ? 'b' : 'a'
    world.simulator.script(keyOf(home), reply.unknownModel('claude-opus-5-5'))
    expect(await ask('s', { model: 'claude-opus-5-5' })).toBe(other)
    expect(await ask('s', { model: 'claude-opus-5-5' })).toBe(other)
    await world.api.pauseAccount({ params: { id: home } })
    expect(await ask('s')).toBe(other)
    expect(await ask('s')).toBe(other)
  })
})

describe('the database', () => {
  it('holds no prompt, no answer and no tool: bodies are not stored', async () => {
    world = await openWorld()
    const secret = 'A-SENTENCE-OF-SOMEBODYS-PROMPT'
    world.simulator.script(
      keyOf('a'),
      reply.whole(200, '{"type":"message","content":"AN-ANSWER-TO-SOMEBODY"}'),
    )
    for (const fields of [
      { system: secret },
      { messages: [{ role: 'user', content: secret }] },
      { tools: [{ name: secret }] },
    ]) {
      await (await world.ask(fields)).text()
    }
    await world.rows(3)
    for (const name of readdirSync(world.dataDirectory)) {
      const text = readFileSync(join(world.dataDirectory, name), 'latin1')
      expect({ name, holds: text.includes(secret) || text.includes('AN-ANSWER') }).toEqual({
        name,
        holds: false,
      })
    }
    expect(world.log()).not.toContain(secret)
  })

  it('grows by little for each request, however large that was', async () => {
    world = await openWorld()
    const system = 'x'.repeat(200_000)
    for (let count = 0; count < 100; count++) {
      await (await world.ask({ system: `${count} ${system}`, stream: count % 2 === 0 })).text()
    }
    await world.rows(100)
    const database = new Database(join(world.dataDirectory, 'spillway.db'), { readonly: true })
    const [row] = database.query<{ bytes: number }, []>('select sum(pgsize) as bytes from dbstat').all()
    database.close()
    expect(row?.bytes).toBeLessThan(100 * 4_096 + 262_144)
  })
})

describe('a price', () => {
  it('that nobody knows is unpriced, never nothing, and is visible as that', async () => {
    world = await openWorld()
    await (await world.ask({ model: 'glm-nine' })).text()
    await (await world.ask()).text()
    const [unknown, known] = await world.rows(2)
    expect([unknown?.costUsd, typeof known?.costUsd]).toEqual([null, 'number'])
    expect((await world.api.stats({})).totals).toMatchObject({ requests: 2, unpriced: 1 })
  })

  it('tells writes of one hour from writes of five minutes', async () => {
    world = await openWorld()
    const answer = (m5: number, h1: number): string => {
      const split = { ephemeral_5m_input_tokens: m5, ephemeral_1h_input_tokens: h1 }
      const usage = {
        input_tokens: 1,
        output_tokens: 1,
        cache_creation_input_tokens: m5 + h1,
        cache_creation: split,
      }
      return JSON.stringify({ type: 'message', model: 'claude-sonnet-5-5', usage })
    }
    world.simulator.script(
      keyOf('a'),
      reply.whole(200, answer(1_000_000, 0)),
      reply.whole(200, answer(0, 1_000_000)),
    )
    for (let count = 0; count < 2; count++) await (await world.ask()).text()
    const [short, long] = await world.rows(2)
    expect(short).toMatchObject({ cacheWrite5mTokens: 1_000_000, cacheWrite1hTokens: 0 })
    expect(long).toMatchObject({ cacheWrite5mTokens: 0, cacheWrite1hTokens: 1_000_000 })
    expect((long?.costUsd ?? 0) / (short?.costUsd ?? 1)).toBeCloseTo(2 / 1.25, 2)
  })
})

describe('a console key', () => {
  it('goes out in x-api-key, never as a bearer, and with no beta that is not the client’s', async () => {
    world = await openWorld()
    await exchange(world.url, requestBytes({ lines: ['authorization: Bearer client'] }))
    const { headers } = only(world.simulator.received)
    const values = (name: string) => headers.filter((header) => header[0] === name).map(([, value]) => value)
    expect([values('x-api-key'), values('authorization'), values('anthropic-beta')]).toEqual([
      [keyOf('a')],
      [],
      [],
    ])
  })
})

describe('settings', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'settings.ts')
    .map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'))

  it.each(SETTING_NAMES)('%s is asked for somewhere', async (name) => {
    world = await openWorld({ accounts: [] })
    const isRead = new RegExp(`(?:\\.|\\{[^{}]*\\b)${name}\\b`)
    expect(sources.filter((text) => isRead.test(text)).length).toBeGreaterThan(0)
  })

  it('of retries have their effect', async () => {
    world = await openWorld({ settings: { retryAttempts: 2, retryDelayMs: 0 } })
    world.simulator.always(keyOf('a'), reply.serverError)
    const attemptsOf = async (): Promise<number> => {
      const before = world.simulator.received.length
      await (await world.ask({ system: crypto.randomUUID() })).text()
      return world.simulator.received.length - before
    }
    expect(await attemptsOf()).toBe(2)
    await world.api.changeConfig({ body: { retryAttempts: 4 } })
    expect(await attemptsOf()).toBe(4)
  })
})
