/** `GET /api/accounts/stream`: what happens to accounts, as it happens, and again for who comes back. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { refusal } from '../src/simulator/replies.ts'
import { eventually, keyOf, openWorld, type World } from './support/world.ts'

interface Event {
  readonly id: string
  readonly event: string
  readonly data: { readonly name: string; readonly state?: { readonly kind: string } }
}

let world: World
beforeEach(async () => {
  world = await openWorld({ accounts: ['a', 'b'] })
})
afterEach(() => world.stop())

describe('the stream of accounts', () => {
  it('shows an account that has to rest, one that is paused, and one that is removed', async () => {
    const stream = await listen()
    world.simulator.always(keyOf('a'), refusal(401, 'authentication_error', 'invalid x-api-key'))
    for (const account of ['a', 'b']) {
      const excluded = account === 'a' ? 'b' : 'a'
      await (await world.ask({}, { 'x-spillway-exclude': excluded })).text()
    }
    const [a] = (await world.api.listAccounts()).accounts
    expect(a?.state.kind).not.toBe('ready')
    await stream.until(({ data }) => data.name === 'a' && data.state?.kind === a?.state.kind)
    await world.api.pauseAccount({ params: { id: 'b' } })
    await stream.until(({ data }) => data.name === 'b' && data.state?.kind === 'paused')
    await world.api.removeAccount({ params: { id: 'a' } })
    const removed = await stream.until(({ event }) => event === 'removed')
    expect(removed.data.name).toBe('a')
    expect(stream.text()).not.toContain('CANARY-')
    expect(stream.text()).not.toContain('"totals"')
    await stream.close()
  })

  it('gives what came in between to who comes back with the last id', async () => {
    const first = await listen()
    await world.api.pauseAccount({ params: { id: 'a' } })
    const seen = await first.until(({ data }) => data.state?.kind === 'paused')
    await first.close()
    await world.api.pauseAccount({ params: { id: 'b' } })
    await eventually(
      async () => (await world.api.showAccount({ params: { id: 'b' } })).state.kind === 'paused',
      'b',
    )
    const again = await listen(seen.id)
    const missed = await again.until(() => true)
    expect(missed.data.name).toBe('b')
    await again.close()
  })

  it('is for those who are signed in', async () => {
    expect((await fetch(`${world.url}/api/accounts/stream`)).status).toBe(401)
  })
})

async function listen(lastId?: string) {
  const stop = new AbortController()
  const answer = await world.admin('/api/accounts/stream', {
    signal: stop.signal,
    headers: lastId === undefined ? {} : { 'last-event-id': lastId },
  })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  const reading = (async () => {
    for await (const bytes of answer.body ?? []) text += Buffer.from(bytes).toString()
  })().catch(() => {})
  await eventually(() => text.includes(': connected'), 'the stream')
  return {
    text: () => text,
    until: (isIt: (event: Event) => boolean) => eventually(() => eventsIn(text).find(isIt), 'an event'),
    async close() {
      stop.abort()
      await reading
    },
  }
}

const eventsIn = (text: string): readonly Event[] =>
  [...text.matchAll(/id: (.+)\nevent: (.+)\ndata: (.+)\n\n/g)].map(([, id = '', event = '', data = '']) => ({
    id,
    event,
    data: JSON.parse(data),
  }))
