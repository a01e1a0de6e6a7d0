/**
 * G14 Own traffic is marked: tests of accounts are nobody’s requests. They count nowhere,
 * cost nothing and are held against no account.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../../src/simulator/replies.ts'
import { only } from '../support/first.ts'
import { measure } from '../support/metrics.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

let world: World
afterEach(() => world.stop())

const test = () => world.api.testAccount({ params: { id: 'a' } })
const account = () => world.api.showAccount({ params: { id: 'a' } })

const ANSWERS: readonly (readonly [what: string, reply: reply.Reply, ok: boolean])[] = [
  ['takes the credential', reply.whole(200, '{"data":[]}'), true],
  ['refuses the credential', reply.unauthorized, false],
  ['forbids it', reply.forbidden, false],
  ['has no such list', reply.refusal(404, 'not_found_error', 'Not found'), true],
  ['limits it', reply.throttled(600), true],
  ['limits it for hours', reply.windowSpent('5h', Math.floor(Date.now() / 1_000) + 3_600), true],
  ['is overloaded', reply.overloaded, false],
  ['answers 500', reply.serverError, false],
  ['resets the connection', [reply.reset], false],
  ['speaks nonsense', [reply.send('what?\r\n\r\n')], false],
]

describe('a test of an account whose provider', () => {
  it.each(ANSWERS)('%s leaves no trace', async (_what, answer, ok) => {
    world = await openWorld()
    world.simulator.always(keyOf('a'), answer)
    const before = await account()
    expect(await test()).toMatchObject({ ok, message: expect.any(String) })
    expect(world.simulator.received).toHaveLength(1)
    expect(await world.rows(0)).toEqual([])
    expect(await world.api.stats({})).toMatchObject({ totals: { requests: 0 }, accounts: [] })
    expect(await account()).toEqual(before)
    expect(await world.api.health()).toMatchObject({ status: 'ok', accounts: { total: 1, ready: 1 } })
    expect(await measure(world, 'spillway_requests_total')).toBe(0)
    expect(await measure(world, 'spillway_attempts_total')).toBe(0)
  })
})

describe('a test of an account', () => {
  it('says in its user agent who asks, and carries nothing of any client', async () => {
    world = await openWorld()
    await (await world.ask({}, { 'user-agent': 'claude-cli/2.1', 'x-claude-code-session-id': 's1' })).text()
    await test()
    const [, probe] = world.simulator.received
    const value = (name: string) =>
      probe?.headers.filter((header) => header[0] === name).map(([, text]) => text)
    expect(probe).toMatchObject({ method: 'GET', target: '/v1/models?limit=1' })
    expect(value('user-agent')).toEqual(['spillway'])
    expect(value('x-claude-code-session-id')).toEqual([])
    expect(value('x-api-key')).toEqual([keyOf('a')])
    expect(only(await world.rows(1)).path).toBe('/v1/messages')
  })

  it('does not take a paused account up again, nor a cooling one', async () => {
    world = await openWorld()
    world.simulator.script(keyOf('a'), reply.throttled(600))
    await (await world.ask()).text()
    const cooling = await account()
    expect(cooling.state.kind).toBe('cooling')
    expect(await test()).toMatchObject({ ok: true })
    expect(await account()).toMatchObject({ state: cooling.state, cooldowns: cooling.cooldowns })
    await world.api.pauseAccount({ params: { id: 'a' } })
    await test()
    expect((await account()).state.kind).toBe('paused')
  })

  it('costs no conversation its account and begins no session', async () => {
    world = await openWorld({ accounts: ['a', 'b'], settings: { strategy: 'session' } })
    await test()
    expect(await account()).toMatchObject({ inFlight: 0, totals: { requests: 0, costUsd: 0 } })
    expect((await account()).session).toBeUndefined()
  })
})
