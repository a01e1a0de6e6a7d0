/** Names are looked up once in a while, once at a time, and never lead where they must not. */
import { describe, expect, it } from 'bun:test'
import { manualClock } from '../../../test/support/samples.ts'
import { createResolver, type Resolver } from './resolve.ts'

interface Names {
  readonly resolver: Resolver
  /** The names that were looked up, in order. */
  readonly asked: readonly string[]
  readonly clock: ReturnType<typeof manualClock>
  set(host: string, addresses: readonly string[]): void
  allowed: readonly string[]
}

function names(known: Readonly<Record<string, readonly string[]>> = {}): Names {
  const table = new Map(Object.entries(known))
  const asked: string[] = []
  const clock = manualClock()
  const own: Names = {
    asked,
    clock,
    allowed: [],
    set: (host, addresses) => void table.set(host, addresses),
    resolver: createResolver({
      elapsed: clock.elapsed,
      allowedHosts: () => own.allowed,
      async lookup(host) {
        asked.push(host)
        await Promise.resolve()
        const found = table.get(host)
        if (found === undefined) throw new Error('ENOTFOUND')
        return found
      },
    }),
  }
  return own
}

const found = (...addresses: readonly string[]) => ({ kind: 'addresses', addresses }) as const

describe('a name', () => {
  it('leads to its addresses', async () => {
    const { resolver } = names({ 'a.example': ['192.0.2.1', '2001:db8::1'] })
    expect(await resolver.resolve('a.example')).toEqual(found('192.0.2.1', '2001:db8::1'))
  })

  it('is looked up once for all who ask at the same time', async () => {
    const { resolver, asked } = names({ 'a.example': ['192.0.2.1'] })
    const answers = await Promise.all(Array.from({ length: 20 }, () => resolver.resolve('a.example')))
    expect(answers).toEqual(Array.from({ length: 20 }, () => found('192.0.2.1')))
    expect(asked).toEqual(['a.example'])
  })

  it('is remembered for half a minute, and then looked up again', async () => {
    const own = names({ 'a.example': ['192.0.2.1'] })
    await own.resolver.resolve('a.example')
    own.set('a.example', ['192.0.2.2'])
    own.clock.advance(29_999)
    expect(await own.resolver.resolve('a.example')).toEqual(found('192.0.2.1'))
    own.clock.advance(2)
    expect(await own.resolver.resolve('a.example')).toEqual(found('192.0.2.2'))
    expect(own.asked).toHaveLength(2)
  })

  it.each([
    ['is not known', undefined],
    ['has no address', []],
  ])('that %s is a fault in words, and is looked up again after some seconds', async (_what, addresses) => {
    const own = names(addresses === undefined ? {} : { 'a.example': addresses })
    const fault = { kind: 'fault', cause: 'dns-failed', detail: 'The name a.example was not found.' } as const
    expect(await own.resolver.resolve('a.example')).toEqual(fault)
    own.set('a.example', ['192.0.2.1'])
    own.clock.advance(2_999)
    expect(await own.resolver.resolve('a.example')).toEqual(fault)
    own.clock.advance(2)
    expect(await own.resolver.resolve('a.example')).toEqual(found('192.0.2.1'))
  })

  it('is one of a thousand that are remembered at most', async () => {
    const own = names()
    for (let n = 0; n < 2_000; n++) {
      own.set(`${n}.example`, ['192.0.2.1'])
      await own.resolver.resolve(`${n}.example`)
    }
    await own.resolver.resolve('0.example')
    expect(own.asked.filter((host) => host === '0.example')).toHaveLength(2)
  })
})

describe('an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['[2001:db8::1]', '2001:db8::1'],
  ])('is not looked up: %s', async (host, address) => {
    const { resolver, asked } = names()
    expect(await resolver.resolve(host)).toEqual(found(address))
    expect(asked).toEqual([])
  })

  it.each(['127.0.0.1', '10.0.0.1', '192.168.1.1', '172.16.0.1', '::1', 'fd00::1'])(
    'of this machine or of a private network may be used: %s',
    async (address) => {
      const { resolver } = names({ 'a.example': [address] })
      expect(await resolver.resolve('a.example')).toEqual(found(address))
    },
  )

  it.each([
    ['169.254.169.254', 'a link-local address'],
    ['169.254.0.1', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['::ffff:169.254.169.254', 'a link-local address'],
    ['::ffff:a9fe:a9fe', 'a link-local address'],
    ['64:ff9b::a9fe:a9fe', 'a link-local address'],
    ['100.100.100.200', 'a cloud metadata address'],
    ['fd00:ec2::254', 'a cloud metadata address'],
    ['224.0.0.1', 'a multicast or reserved address'],
  ])('that credentials must never go to is blocked, named or behind a name: %s', async (address, what) => {
    const { resolver } = names({ 'a.example': [address] })
    expect(await resolver.resolve('a.example')).toEqual({
      kind: 'fault',
      cause: 'blocked-address',
      detail: `a.example leads to ${what}. If that is meant, add the host to the setting allowedUpstreamHosts.`,
    })
    expect(await resolver.resolve(address)).toMatchObject({ kind: 'fault', cause: 'blocked-address' })
  })

  it('that is blocked is left out where there are others', async () => {
    const { resolver } = names({ 'a.example': ['169.254.169.254', '192.0.2.1', 'fe80::1'] })
    expect(await resolver.resolve('a.example')).toEqual(found('192.0.2.1'))
  })

  it('is checked each time, so that a name cannot be turned meanwhile', async () => {
    const own = names({ 'a.example': ['192.0.2.1'] })
    await own.resolver.resolve('a.example')
    own.set('a.example', ['169.254.169.254'])
    own.clock.advance(30_001)
    expect(await own.resolver.resolve('a.example')).toMatchObject({ cause: 'blocked-address' })
  })

  it('may be used when the operator has named the host, from that moment on and as long as that holds', async () => {
    const own = names({ 'a.example': ['169.254.169.254'], 'b.example': ['169.254.169.254'] })
    expect(await own.resolver.resolve('a.example')).toMatchObject({ cause: 'blocked-address' })
    own.allowed = ['a.example']
    expect(await own.resolver.resolve('a.example')).toEqual(found('169.254.169.254'))
    expect(await own.resolver.resolve('b.example')).toMatchObject({ cause: 'blocked-address' })
    own.allowed = []
    expect(await own.resolver.resolve('a.example')).toMatchObject({ cause: 'blocked-address' })
  })
})

describe('a host that a proxy is to be asked for', () => {
  it.each(['a.example', '169.254.169.254.example', '192.0.2.1', '127.0.0.1', '[::1]', '10.0.0.1'])(
    'is not looked up and not refused: %s',
    (host) => {
      const { resolver, asked } = names({ 'a.example': ['169.254.169.254'] })
      expect(resolver.refusalByProxy(host)).toBeUndefined()
      expect(asked).toEqual([])
    },
  )

  it.each(['169.254.169.254', '100.100.100.200', '[fe80::1]', '[::ffff:a9fe:a9fe]', '224.0.0.1'])(
    'is refused as an address that credentials must never go to, unless the operator has named it: %s',
    (host) => {
      const own = names()
      expect(own.resolver.refusalByProxy(host)).toMatchObject({ kind: 'fault', cause: 'blocked-address' })
      own.allowed = [host]
      expect(own.resolver.refusalByProxy(host)).toBeUndefined()
    },
  )
})

describe('the system’s resolver', () => {
  it('knows this machine', async () => {
    const resolver = createResolver({ elapsed: () => 0, allowedHosts: () => [] })
    const resolved = await resolver.resolve('localhost')
    expect(
      resolved.kind === 'addresses' && resolved.addresses.every((each) => /^(?:127\.|::1)/.test(each)),
    ).toBe(true)
  })
})
