/** Busy accounts, short throttles and requests that would rather wait, over real sockets. */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import type { Received } from '../src/simulator/simulator.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const healthy =
  (...before: readonly reply.Action[]) =>
  (request: Received): reply.Reply => [...before, ...world.simulator.unscripted(request)]

describe('an account with a limit of requests at once', () => {
  const limited = { name: 'a', maxConcurrent: 1 }

  it('is given no more, and the others wait their turn', async () => {
    world = await openWorld({ accounts: [limited] })
    world.simulator.always(keyOf('a'), healthy(reply.wait(50)))
    const answers = await Promise.all(Array.from({ length: 5 }, () => world.ask()))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    await Promise.all(answers.map((answer) => answer.text()))
    expect(mostAtOnce()).toBe(1)
  })

  it('serves those who wait in their order, interactive work before background', async () => {
    world = await openWorld({ accounts: [limited] })
    const { promise: freed, resolve: free } = Promise.withResolvers<void>()
    world.simulator.script(keyOf('a'), healthy(reply.until(freed)))
    const first = world.ask({}, marked('first'))
    await eventually(() => world.simulator.received.length === 1, 'the first to be sent')
    const rest: Promise<Response>[] = []
    for (const [name, ofClass] of [
      ['b1', 'background'],
      ['i1', 'interactive'],
      ['i2', 'interactive'],
    ] as const) {
      rest.push(world.ask({}, { ...marked(name), 'x-spillway-class': ofClass }))
      await eventually(
        async () => (await world.api.showQueue()).waiting.length === rest.length,
        `${name} to wait`,
      )
    }
    const { waiting } = await world.api.showQueue()
    expect(waiting.map(({ session, cause }) => [session, cause])).toEqual([
      ['i1', 'busy'],
      ['i2', 'busy'],
      ['b1', 'busy'],
    ])
    expect(await (await world.admin('/metrics')).text()).toContain(
      'spillway_waiting_requests{class="interactive"} 2',
    )
    free()
    for (const answer of await Promise.all([first, ...rest])) await answer.text()
    expect(sessionsSeen()).toEqual(['first', 'i1', 'i2', 'b1'])
  })

  it('does not keep whoever has left in the line, and spends nothing on them (G4)', async () => {
    world = await openWorld({ accounts: [limited] })
    const { promise: freed, resolve: free } = Promise.withResolvers<void>()
    world.simulator.script(keyOf('a'), healthy(reply.until(freed)))
    const first = world.ask()
    await eventually(() => world.simulator.received.length === 1, 'the first to be sent')
    const leaving = new AbortController()
    const second = fetch(`${world.url}/v1/messages`, {
      method: 'POST',
      body: BODY,
      signal: leaving.signal,
    }).catch(() => undefined)
    await eventually(async () => (await world.api.showQueue()).waiting.length === 1, 'the second to wait')
    leaving.abort()
    await second
    await eventually(async () => (await world.api.showQueue()).waiting.length === 0, 'the line to be empty')
    free()
    await (await first).text()
    const rows = await world.rows(2)
    expect(rows.map(({ outcome }) => outcome).sort()).toEqual(['aborted', 'ok'])
    expect(world.simulator.received).toHaveLength(1)
  })

  it('refuses with the reason when the line is full, or the wait too long', async () => {
    world = await openWorld({ accounts: [limited], settings: { queueSize: 1, queueMs: 100 } })
    const { promise: freed, resolve: free } = Promise.withResolvers<void>()
    world.simulator.script(keyOf('a'), healthy(reply.until(freed)))
    const first = world.ask()
    await eventually(() => world.simulator.received.length === 1, 'the first to be sent')
    const [second, third] = await Promise.all([world.ask(), world.ask()])
    expect([second?.status, third?.status]).toEqual([429, 429])
    expect(await second?.text()).toContain('a: 1 requests in flight, its limit is 1')
    free()
    await (await first).text()
  })

  it('spills over to another account rather than wait', async () => {
    world = await openWorld({ accounts: [limited, { name: 'b', priority: 5 }] })
    world.simulator.always(keyOf('a'), healthy(reply.wait(100)))
    const answers = await Promise.all([
      world.ask(),
      world.ask({ messages: [{ role: 'user', content: 'other' }] }),
    ])
    const names = await Promise.all(
      answers.map(async (answer) => {
        await answer.text()
        return answer.headers.get('x-spillway-account')
      }),
    )
    expect(names.sort()).toEqual(['a', 'b'])
  })
})

describe('a throttle of moments', () => {
  it('is waited for in place', async () => {
    world = await openWorld({ settings: { throttleWaitMs: 2_000 } })
    world.simulator.script(keyOf('a'), reply.throttled(1))
    const answer = await world.ask()
    expect(answer.status).toBe(200)
    await answer.text()
    const [row] = await world.rows(1)
    expect(row?.attempts.map(({ status }) => status)).toEqual([429, 200])
  })

  it('is told when it lasts longer than that', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.throttled(7))
    const answer = await world.ask()
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7'])
  })
})

describe('a request that would rather wait', () => {
  it('is served when somebody can take it again', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.throttled(600))
    const asked = world.ask({}, { 'x-spillway-hold': '60s' })
    await eventually(async () => (await world.api.showQueue()).waiting[0]?.cause === 'held', 'it to be held')
    await world.api.clearCooldown({ params: { id: 'a' } })
    const answer = await asked
    expect([answer.status, answer.headers.get('x-spillway-account')]).toEqual([200, 'a'])
    await answer.text()
  })

  it('is served by an account that comes meanwhile', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), reply.throttled(600))
    const asked = world.ask({ stream: true }, { 'x-spillway-hold': '1m' })
    await eventually(async () => (await world.api.showQueue()).waiting.length === 1, 'it to be held')
    const body = { name: 'b', provider: 'console', apiKey: keyOf('b'), baseUrl: world.simulator.url }
    await world.api.addAccount({ body })
    const answer = await asked
    expect(answer.headers.get('x-spillway-account')).toBe('b')
    expect(await answer.text()).toContain('message_stop')
  })

  it('is refused as ever when its time is over', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), reply.throttled(600))
    const answer = await world.ask({}, { 'x-spillway-hold': '200ms' })
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(590)
  })

  it('is told the truth when the gateway stops', async () => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), reply.throttled(600))
    const asked = world.ask({}, { 'x-spillway-hold': '10m' })
    await eventually(async () => (await world.api.showQueue()).waiting.length === 1, 'it to be held')
    const restarting = world.restart()
    const answer = await asked
    expect(answer.status).toBe(429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(590)
    await restarting
  })

  it('has to say how long', async () => {
    world = await openWorld()
    const answer = await world.ask({}, { 'x-spillway-hold': 'please' })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('x-spillway-hold')
  })
})

const BODY = JSON.stringify({
  model: 'claude-sonnet-5-5',
  max_tokens: 1,
  messages: [{ role: 'user', content: 'x' }],
})

const marked = (session: string) => ({ 'x-claude-code-session-id': session })

const sessionsSeen = (): readonly (string | undefined)[] =>
  world.simulator.received.map(
    ({ headers }) => headers.find(([name]) => name.toLowerCase() === 'x-claude-code-session-id')?.[1],
  )

/** The simulator answers in order; with one connection at a time nobody overlapped. */
function mostAtOnce(): number {
  return new Set(world.simulator.received.map(({ connection }) => connection)).size
}
