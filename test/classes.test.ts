/** Classes of work and what is kept for them, over real sockets with windows as the provider tells them. */
import { afterEach, describe, expect, it } from 'bun:test'
import * as reply from '../src/simulator/replies.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const RESERVE = { class: 'interactive', window: '5h', percent: 20 }
const BACKGROUND = { 'x-spillway-class': 'background' }

/** The provider says from now on that so much of the five hours is used. */
function used(name: string, fraction: number, endsInSeconds = 3_600): void {
  const reset = String(Math.floor(Date.now() / 1_000) + endsInSeconds)
  const headers = [
    ['anthropic-ratelimit-unified-status', 'allowed'],
    ['anthropic-ratelimit-unified-5h-status', 'allowed'],
    ['anthropic-ratelimit-unified-5h-utilization', String(fraction)],
    ['anthropic-ratelimit-unified-5h-reset', reset],
  ] as const
  const usage = { inputTokens: 10, outputTokens: 5 }
  world.simulator.always(
    keyOf(name),
    reply.message({ id: 'msg_1', model: 'claude-sonnet-5-5', text: 'yes', usage }, headers),
  )
}

const ask = async (headers: Record<string, string> = {}): Promise<Response> => {
  const answer = await world.ask({ messages: [{ role: 'user', content: `question ${++count}` }] }, headers)
  await answer.clone().text()
  return answer
}
let count = 0

describe('a reserve', () => {
  it('keeps a part of a window from background work, and says why', async () => {
    world = await openWorld({ settings: { reserves: [RESERVE] } })
    used('a', 0.85)
    expect((await ask()).status).toBe(200)
    const refused = await ask(BACKGROUND)
    expect(refused.status).toBe(429)
    expect(await refused.text()).toContain('a: 20 % of its 5h window are kept for interactive work')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1_700)
    expect((await ask()).status).toBe(200)
  })

  it('sends background work to accounts that have enough', async () => {
    world = await openWorld({
      accounts: ['a', { name: 'b', priority: 5 }],
      settings: { reserves: [RESERVE] },
    })
    used('a', 0.85)
    expect((await ask()).headers.get('x-spillway-account')).toBe('a')
    expect((await ask(BACKGROUND)).headers.get('x-spillway-account')).toBe('b')
  })

  it('is lent out shortly before the window begins anew', async () => {
    world = await openWorld({ settings: { reserves: [{ ...RESERVE, lend: '30m' }] } })
    used('a', 0.85, 1_700)
    await ask()
    expect((await ask(BACKGROUND)).status).toBe(200)
  })
})

it('an account whose window is spent by its own word goes last, and is used when nobody else is left', async () => {
  world = await openWorld({ accounts: ['a', { name: 'b', priority: 5 }] })
  used('a', 1)
  expect((await ask()).headers.get('x-spillway-account')).toBe('a')
  expect((await ask()).headers.get('x-spillway-account')).toBe('b')
  await world.api.pauseAccount({ params: { id: 'b' } })
  expect((await ask()).headers.get('x-spillway-account')).toBe('a')
})

it('a class that is none is refused in words', async () => {
  world = await openWorld()
  const answer = await ask({ 'x-spillway-class': 'urgent' })
  expect(answer.status).toBe(400)
  expect(await answer.text()).toContain('it can be interactive or background')
})
