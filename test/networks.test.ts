/** Where clients come from: whose word on that is taken, and who is not let in. */
import { afterEach, describe, expect, it } from 'bun:test'
import { openWorld, type World } from './support/world.ts'

let world: World
afterEach(() => world.stop())

const PROXIES = { trustedProxies: ['127.0.0.0/8'] }
const from = (address: string) => ({ 'x-forwarded-for': address })

/** Statuses of that many calls with a wrong token, each with its own word on where it comes from. */
const guesses = async (count: number): Promise<readonly number[]> => {
  const statuses: number[] = []
  for (let guess = 0; guess < count; guess++) {
    const headers = { authorization: 'Bearer wrong', ...from(`198.51.100.${guess}`) }
    statuses.push((await fetch(`${world.url}/api/system`, { headers })).status)
  }
  return statuses
}

describe('the word of a proxy on a client’s address', () => {
  it('is not taken from anybody by default: limits on guessing cannot be walked around (threat 15)', async () => {
    world = await openWorld()
    const statuses = await guesses(22)
    expect(new Set(statuses.slice(0, 20))).toEqual(new Set([401]))
    expect(statuses.at(-1)).toBe(429)
  })

  it('is taken from a trusted one: each client has its own share', async () => {
    world = await openWorld({ settings: PROXIES })
    expect(new Set(await guesses(22))).toEqual(new Set([401]))
  })

  it('is taken for what is told of a change, and goes no further', async () => {
    world = await openWorld({ settings: PROXIES })
    await world.admin('/api/config/strategy', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...from('6.6.6.6, 203.0.113.5') },
      body: '{"strategy":"session"}',
    })
    expect(world.log()).toContain('"peer":"203.0.113.5"')
    await world.ask({}, from('203.0.113.5'))
    expect(JSON.stringify(world.simulator.received)).not.toContain('203.0.113.5')
  })

  it('is read from the one header that was agreed on', async () => {
    world = await openWorld({
      settings: { ...PROXIES, forwardedHeader: 'forwarded', allowedNetworks: ['198.51.100.0/24'] },
    })
    const allowed = { forwarded: 'for=198.51.100.7' }
    expect((await world.ask({}, { ...allowed, ...from('203.0.113.5') })).status).toBe(200)
    expect((await world.ask({}, { forwarded: 'for=203.0.113.5' })).status).toBe(403)
  })
})

describe('networks that may come in', () => {
  const settings = { ...PROXIES, allowedNetworks: ['198.51.100.0/24', '2001:db8::/32'] }

  it('do, and this machine does; all others are told so in their dialect, and nothing goes upstream', async () => {
    world = await openWorld({ settings })
    for (const headers of [{}, from('198.51.100.7'), from('[2001:db8::7]:4711'), from('::ffff:198.51.100.9')])
      expect((await world.ask({}, headers)).status).toBe(200)
    const before = world.simulator.received.length
    for (const headers of [from('203.0.113.5'), from('2001:db9::1'), from('nonsense')]) {
      const refused = await world.ask({}, headers)
      expect(refused.status).toBe(403)
      expect(await refused.json()).toMatchObject({
        type: 'error',
        error: { type: 'permission_error', message: expect.stringContaining('allowedNetworks') },
      })
    }
    expect(world.simulator.received.length).toBe(before)
    const api = await world.admin('/api/system', { headers: from('203.0.113.5') })
    expect([api.status, await api.json()]).toMatchObject([403, { error: { code: 'forbidden' } }])
    expect((await fetch(`${world.url}/health`, { headers: from('203.0.113.5') })).status).toBe(403)
  })

  it('can be changed while the gateway runs', async () => {
    world = await openWorld({ settings })
    await world.api.changeConfig({ body: { allowedNetworks: ['203.0.113.0/24'] } })
    expect((await world.ask({}, from('203.0.113.5'))).status).toBe(200)
    expect((await world.ask({}, from('198.51.100.7'))).status).toBe(403)
    await world.api.changeConfig({ body: { allowedNetworks: [] } })
    expect((await world.ask({}, from('198.51.100.7'))).status).toBe(200)
  })
})
