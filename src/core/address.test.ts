/** Which addresses are refused: link-local, multicast and metadata, in every canonical spelling. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { blockedReason, networkKey } from './address.ts'

describe('blockedReason', () => {
  it.each([
    ['169.254.169.254', 'a link-local address'],
    ['169.254.0.1', 'a link-local address'],
    ['169.254.170.2', 'a link-local address'],
    ['169.254.255.255', 'a link-local address'],
    ['100.100.100.200', 'a cloud metadata address'],
    ['168.63.129.16', 'a cloud metadata address'],
    ['192.0.0.192', 'a cloud metadata address'],
    ['224.0.0.1', 'a multicast or reserved address'],
    ['239.255.255.250', 'a multicast or reserved address'],
    ['240.0.0.1', 'a multicast or reserved address'],
    ['255.255.255.255', 'a multicast or reserved address'],
    ['fe80::1', 'a link-local address'],
    ['FE80::1', 'a link-local address'],
    ['fe80::1%eth0', 'a link-local address'],
    ['[fe80::1]', 'a link-local address'],
    ['febf:ffff::1', 'a link-local address'],
    ['ff02::1', 'a multicast address'],
    ['ff0e::fb', 'a multicast address'],
    ['fd00:ec2::254', 'a cloud metadata address'],
    ['[fd00:ec2::254]', 'a cloud metadata address'],
    ['fd00:0ec2:0:0:0:0:0:0254', 'a cloud metadata address'],
    ['::ffff:169.254.169.254', 'a link-local address'],
    ['::ffff:a9fe:a9fe', 'a link-local address'],
    ['[::ffff:a9fe:a9fe]', 'a link-local address'],
    ['0:0:0:0:0:ffff:a9fe:a9fe', 'a link-local address'],
    ['::ffff:6464:64c8', 'a cloud metadata address'],
    ['64:ff9b::a9fe:a9fe', 'a link-local address'],
    ['64:ff9b::169.254.169.254', 'a link-local address'],
    ['::169.254.169.254', 'a link-local address'],
    ['::a9fe:a9fe', 'a link-local address'],
  ])('refuses %s, %s', (address, reason) => {
    expect(blockedReason(address)).toBe(reason)
  })

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.10',
    '100.64.0.1',
    '100.100.100.201',
    '8.8.8.8',
    '169.253.255.255',
    '169.255.0.0',
    '223.255.255.255',
    '::1',
    '[::1]',
    'fd00::1',
    'fd00:ec2::253',
    '2606:4700::6810:1',
    'fe00::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::808:808',
  ])('lets %s be, because local models exist', (address) => {
    expect(blockedReason(address)).toBeUndefined()
  })

  it('judges an IPv4 address alike in every IPv6 dress', () => {
    fc.assert(
      fc.property(fc.ipV4().filter(hasHighHalf), (address) => {
        const reason = blockedReason(address)
        for (const prefix of ['::ffff:', '64:ff9b::', '::', '0:0:0:0:0:ffff:']) {
          expect(blockedReason(`${prefix}${address}`)).toBe(reason)
        }
      }),
    )
  })

  it('never throws, whatever stands there', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6()), (text) => void blockedReason(text)))
  })
})

/** `::0.0.x.y` is no IPv4 address in disguise: `::1` is loopback. */
function hasHighHalf(address: string): boolean {
  return !address.startsWith('0.0.')
}

describe('what attempts are counted by', () => {
  it('is an IPv4 address, however it is written', () => {
    expect(networkKey('10.0.0.1')).toBe('10.0.0.1')
    expect(networkKey('::ffff:10.0.0.1')).toBe('10.0.0.1')
  })

  it('is an IPv6 network, of which one person has all addresses', () => {
    expect(networkKey('2001:db8:1:2:aaaa::1')).toBe(networkKey('2001:db8:1:2:bbbb:0:0:2'))
    expect(networkKey('2001:db8:1:2::1')).not.toBe(networkKey('2001:db8:1:3::1'))
  })

  it('is whatever else stands there', () => expect(networkKey('local')).toBe('local'))
})
