/** Which addresses a network holds, and whom a header of a proxy may speak for. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import {
  type AddressRange,
  clientAddress,
  type Forwarding,
  isLoopbackAddress,
  isWithin,
  readRange,
  UNKNOWN_ADDRESS,
} from './address-range.ts'

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', '10.255.1.2', '11.0.0.0'],
    ['10.1.2.3/8', '10.9.9.9', '11.1.2.3'],
    ['192.0.2.7', '192.0.2.7', '192.0.2.8'],
    ['192.0.2.128/25', '192.0.2.129', '192.0.2.127'],
    ['0.0.0.0/0', '203.0.113.9', '2001:db8::1'],
    ['::/0', '2001:db8::1', '10.0.0.1'],
    ['::/0', 'fe80::1%eth0', '::ffff:10.0.0.1'],
    ['fd00::/8', 'fdff::1', 'fe00::1'],
    ['2001:db8::/33', '2001:db8:7fff::1', '2001:db8:8000::1'],
    ['10.0.0.0/8', '::ffff:10.1.2.3', '::ffff:11.1.2.3'],
    ['10.0.0.0/8', '::ffff:a01:203', '::a01:203'],
    ['::ffff:10.0.0.0/104', '10.1.2.3', '11.1.2.3'],
  ])('%s holds %s and not %s', (text, inside, outside) => {
    expect([isWithin(inside, rangesOf(text)), isWithin(outside, rangesOf(text))]).toEqual([true, false])
  })

  it.each([
    '',
    'here',
    '10.0.0.0/33',
    '10.0.0/8',
    '010.0.0.1',
    '256.0.0.1',
    '1.2.3.4.5',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '::/129',
    '1::2::3',
    ':::',
    '12345::',
    'g::1',
    '::1.2.3',
    '::ffff:10.0.0.0/95',
    '1:2:3:4:5:6:7:8:9',
  ])('is not %p', (text) => expect(readRange(text)).toBeUndefined())

  it('holds exactly the addresses that begin with its bits', () => {
    const byte = fc.integer({ min: 0, max: 255 })
    const address = fc.tuple(byte, byte, byte, byte)
    const bitsOf = (bytes: readonly number[]): string =>
      bytes.map((each) => each.toString(2).padStart(8, '0')).join('')
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (network, other, bits) => {
        const isInside = bitsOf(network).slice(0, bits) === bitsOf(other).slice(0, bits)
        const ranges = rangesOf(`${network.join('.')}/${bits}`)
        expect(isWithin(other.join('.'), ranges)).toBe(isInside)
        expect(isWithin(`::ffff:${other.join('.')}`, ranges)).toBe(isInside)
      }),
    )
  })

  it('of IPv6 holds exactly the addresses that begin with its bits', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
    const bitsOf = (each: readonly number[]): string =>
      each.map((group) => group.toString(2).padStart(16, '0')).join('')
    const textOf = (each: readonly number[]): string => each.map((group) => group.toString(16)).join(':')
    fc.assert(
      fc.property(groups, groups, fc.integer({ min: 0, max: 128 }), (network, other, bits) => {
        const mixed = network.map((group, index) => (index < 5 ? group : (other[index] ?? 0)))
        for (const each of [other, mixed]) {
          const isInside = bitsOf(network).slice(0, bits) === bitsOf(each).slice(0, bits)
          expect(isWithin(textOf(each), rangesOf(`${textOf(network)}/${bits}`))).toBe(isInside)
        }
      }),
    )
  })

  it('is made of any text without an error', () => {
    const bits = fc.constantFrom('1', '255', 'ff', ':', '::', '.', '/', '%', '[', 'x', '0')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(bits).map((each) => each.join('')),
        ),
        (text) => {
          readRange(text)
          expect(isWithin(text, [])).toBe(false)
        },
      ),
    )
  })
})

it.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['128.0.0.1', false],
  ['::2', false],
  [UNKNOWN_ADDRESS, false],
])('whether %s is this machine: %p', (address, isOwn) => expect(isLoopbackAddress(address)).toBe(isOwn))

describe('the client behind proxies', () => {
  const trusted = rangesOf('10.0.0.0/8', 'fd00::/8')
  const behind = (peer: string, value: string, header: Forwarding['header'] = 'x-forwarded-for'): string =>
    clientAddress(peer, [[header, value]], { trusted, header })

  it.each([
    ['is the connection’s, where that is nobody’s proxy', '203.0.113.5', '198.51.100.1', '203.0.113.5'],
    ['is the one that the proxy names', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['is the nearest that is no proxy', '10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    ['is the last of a chain of proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['may have a port', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['may have IPv6 and a port', 'fd00::1', '[2001:DB8::1]:4711', '2001:db8::1'],
    ['may have IPv6 and none', '::ffff:10.0.0.1', '2001:db8::1', '2001:db8::1'],
    ['is not told by what is no address', '10.0.0.1', '198.51.100.1, <script>', UNKNOWN_ADDRESS],
    ['is not told by nothing', '10.0.0.1', '', UNKNOWN_ADDRESS],
    ['is never this machine from elsewhere', '10.0.0.1', '127.0.0.1, 10.0.0.2', UNKNOWN_ADDRESS],
  ])('%s', (_what, peer, value, client) => expect(behind(peer, value)).toBe(client))

  it('is the proxy itself where it names nobody', () => {
    expect(clientAddress('10.0.0.1', [], { trusted, header: 'x-forwarded-for' })).toBe('10.0.0.1')
  })

  it.each([
    ['for=198.51.100.1;proto=https', '198.51.100.1'],
    ['for=1.1.1.1, For="[2001:db8::1]:4711"; by=10.0.0.1', '2001:db8::1'],
    ['proto=https;for=198.51.100.1, for=10.0.0.2', '198.51.100.1'],
    ['for=_hidden', UNKNOWN_ADDRESS],
    ['by=10.0.0.1', UNKNOWN_ADDRESS],
  ])('may be told in the words of RFC 7239: %s', (value, client) => {
    expect(behind('10.0.0.1', value, 'forwarded')).toBe(client)
  })

  it('is not what the other header says, which the client may have sent', () => {
    const headers = [
      ['x-forwarded-for', '198.51.100.1'],
      ['forwarded', 'for=192.0.2.1'],
    ] as const
    expect(clientAddress('10.0.0.1', headers, { trusted, header: 'x-forwarded-for' })).toBe('198.51.100.1')
    expect(clientAddress('10.0.0.1', headers, { trusted, header: 'forwarded' })).toBe('192.0.2.1')
  })

  it('is read from all headers of that name, in their order', () => {
    const headers = [
      ['x-forwarded-for', '1.1.1.1'],
      ['x-forwarded-for', '198.51.100.1, 10.0.0.2'],
    ] as const
    expect(clientAddress('10.0.0.1', headers, { trusted, header: 'x-forwarded-for' })).toBe('198.51.100.1')
  })

  it('cannot be made up: whatever a client sends ahead, the proxy’s last word counts', () => {
    fc.assert(
      fc.property(fc.string(), (invented) => {
        expect(behind('10.0.0.1', `${invented.replaceAll('\n', '')}, 203.0.113.5`)).toBe('203.0.113.5')
      }),
      { examples: [['127.0.0.1'], ['10.0.0.7,'], ['"']] },
    )
  })
})

function rangesOf(...texts: readonly string[]): readonly AddressRange[] {
  return texts.flatMap((text) => readRange(text) ?? [])
}
