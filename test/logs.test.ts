/** The log as an operator reads it: through the API, as a stream, on the command line and in a file. */
import { afterEach, describe, expect, it } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StreamEvent } from '../src/api/contract.ts'
import { watch } from '../src/api/watch.ts'
import { overloaded, windowSpent } from '../src/simulator/replies.ts'
import { eventually, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const messagesOf = async (query: Parameters<World['api']['listLogs']>[0]['query'] = {}) =>
  (await world.api.listLogs({ query })).logs.map(({ message }) => message)

describe('the history', () => {
  it('has the last lines, newest first, in pages', async () => {
    world = await openWorld()
    for (const strategy of ['session', 'affinity', 'headroom'])
      await world.api.changeStrategy({ body: { strategy } })
    const first = await world.api.listLogs({ query: { limit: 2 } })
    const second = await world.api.listLogs({ query: { limit: 2, cursor: first.nextCursor } })
    expect([...first.logs, ...second.logs].map(({ fields }) => fields.action)).toEqual([
      'changeStrategy',
      'changeStrategy',
      'changeStrategy',
      'addAccount',
    ])
    expect(second.nextCursor).toBeUndefined()
  })

  it('finds what was logged about a request at the level in force, which can be changed at once', async () => {
    world = await openWorld({ settings: { retryAttempts: 1 } })
    world.simulator.script('CANARY-a', overloaded)
    await world.ask()
    expect(await messagesOf({ text: 'attempt' })).toEqual([])
    await world.api.changeConfig({ body: { logLevel: 'debug' } })
    await world.api.clearCooldown({ params: { id: 'a' } })
    world.simulator.script('CANARY-a', overloaded)
    const request = (await world.ask()).headers.get('x-spillway-request-id') ?? ''
    const { logs } = await world.api.listLogs({ query: { request } })
    expect(logs).toMatchObject([
      { level: 'debug', message: 'An attempt has failed.', request, fields: { account: 'a' } },
    ])
    await world.api.changeConfig({ body: { logLevel: 'error' } })
    expect(await messagesOf({ text: '"logLevel"' })).toEqual(['A change was made through the API.'])
  })

  it.each([
    ['limit=0', 'limit'],
    ['level=loud', 'level'],
    ['since=yesterday', 'since'],
    ['colour=red', 'colour'],
  ])('refuses %s with its path', async (query, path) => {
    world = await openWorld()
    const answer = await world.admin(`/api/logs/history?${query}`)
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { details: [{ path }] } }])
  })
})

describe('the stream', () => {
  type Line = StreamEvent<'streamLogs'>

  const read = async (count: number, events: AsyncIterable<Line>): Promise<readonly Line[]> => {
    const lines: Line[] = []
    for await (const event of events) if (lines.push(event) === count) break
    return lines
  }

  it('tells lines as they come, and a reader that comes back misses none', async () => {
    world = await openWorld()
    const events = await watch(world.admin, 'streamLogs')
    await world.api.changeStrategy({ body: { strategy: 'session' } })
    const [first] = await read(1, events)
    expect(first?.data).toMatchObject({ level: 'info', fields: { target: 'strategy' } })
    await world.api.changeConfig({ body: { retryAttempts: 4 } })
    await world.api.changeConfig({ body: { retryAttempts: 5 } })
    const missed = await read(2, await watch(world.admin, 'streamLogs', { lastEventId: first?.id }))
    expect(missed.map(({ data }) => data.fields.target)).toEqual(['retryAttempts', 'retryAttempts'])
  })

  it('leaves out what is less important than was asked for', async () => {
    world = await openWorld()
    const { logs } = await world.api.listLogs({})
    const lastEventId = logs.at(-1)?.id
    await world.api.changeStrategy({ body: { strategy: 'session' } })
    world.simulator.script('CANARY-a', windowSpent('5h', Math.round(Date.now() / 1_000) + 3_600))
    const events = await watch(world.admin, 'streamLogs', { query: { level: 'warn' }, lastEventId })
    await world.ask()
    const [line] = await read(1, events)
    expect(line?.data).toMatchObject({ level: 'warn', message: expect.stringContaining('is set aside') })
  })

  it('ends when the gateway stops', async () => {
    world = await openWorld()
    const events = await watch(world.admin, 'streamLogs')
    const all = Array.fromAsync(events)
    await world.restart()
    expect(await all).toBeArray()
  })

  it('is refused without the token, and with a level that is none', async () => {
    world = await openWorld()
    await expect(watch((path) => fetch(world.url + path), 'streamLogs')).rejects.toMatchObject({
      status: 401,
    })
    await expect(watch(world.admin, 'streamLogs', { query: { level: 'loud' } })).rejects.toMatchObject({
      status: 400,
    })
  })
})

describe('the log file', () => {
  it('has the lines as JSON beside the data, and is put aside when it is full', async () => {
    world = await openWorld({ flags: { logFile: 'gateway.log', logFileBytes: 1_024, logFiles: 2 } })
    const path = join(world.dataDirectory, 'gateway.log')
    for (let attempt = 0; attempt < 20; attempt++)
      await world.api.changeConfig({ body: { retryAttempts: (attempt % 5) + 1 } })
    const files = () => readdirSync(world.dataDirectory).filter((name) => name.startsWith('gateway.log'))
    await eventually(() => files().length === 3, 'two files that were put aside')
    const text = readFileSync(`${path}.1`, 'utf8')
    expect(text.length).toBeWithin(700, 1_025)
    for (const line of text.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg')
  })

  it('that cannot be opened prevents the start, and says what to do', async () => {
    world = await openWorld()
    await expect(openWorld({ flags: { logFile: 'nowhere/gateway.log' } })).rejects.toThrow(
      /nowhere\/gateway\.log cannot be opened: ENOENT.*Make its directory/,
    )
  })

  it.skipIf(!existsSync('/dev/full'))('on a full disk costs lines only, which are counted', async () => {
    world = await openWorld({ flags: { logFile: '/dev/full' } })
    expect((await world.ask()).status).toBe(200)
    const health = await eventually(async () => {
      const { status, problems } = await world.api.health()
      return status === 'degraded' ? problems : undefined
    }, 'the health to tell of it')
    expect(health.join(' ')).toMatch(
      /The log file \/dev\/full cannot be written: .*ENOSPC.* \d+ lines are lost/,
    )
    const metrics = await (await world.admin('/metrics')).text()
    expect(Number(/^spillway_log_lines_dropped (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0)
  })
})
