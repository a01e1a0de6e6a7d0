/** Client keys: when they are needed, where they stand in a request, which still count (G12). */
import { describe, expect, it } from 'bun:test'
import {
  type ClientKey,
  credentialsOf,
  isKeyRequired,
  isLoopbackHost,
  isUsable,
  type KeyPolicy,
} from './access.ts'
import { toMillis } from './time.ts'

describe('isKeyRequired', () => {
  it.each<[policy: KeyPolicy, hasKeys: boolean, isLoopback: boolean, expected: boolean]>([
    ['auto', false, true, false],
    ['auto', true, true, true],
    ['auto', false, false, true],
    ['auto', true, false, true],
    ['always', false, true, true],
    ['always', true, false, true],
    ['off', true, true, false],
    ['off', false, true, false],
    ['off', false, false, true],
  ])('with policy %s, keys: %p, loopback: %p is %p', (policy, hasKeys, isLoopback, expected) => {
    expect(isKeyRequired(policy, hasKeys, isLoopback)).toBe(expected)
  })
})

describe('credentialsOf', () => {
  it('finds none in a request without any', () => expect(credentialsOf([['x-app', 'cli']])).toEqual([]))

  it('finds an API key', () => expect(credentialsOf([['x-api-key', ' spk_1 ']])).toEqual(['spk_1']))

  it.each(['Bearer spk_1', 'bearer spk_1', 'BEARER   spk_1'])('finds the bearer in "%s"', (value) => {
    expect(credentialsOf([['authorization', value]])).toEqual(['spk_1'])
  })

  it('puts the API key first, wherever it stands', () => {
    const headers = [
      ['authorization', 'Bearer two'],
      ['x-api-key', 'one'],
    ] as const
    expect(credentialsOf(headers)).toEqual(['one', 'two'])
  })

  it.each(['Basic dXNlcjpwYXNz', 'spk_1', 'Bearerspk_1', ''])('takes no bearer from "%s"', (value) => {
    expect(credentialsOf([['authorization', value]])).toEqual([])
  })
})

describe('isUsable', () => {
  it('is a key that was neither disabled nor revoked', () => {
    expect(isUsable(key({}))).toBe(true)
    expect(isUsable(key({ disabledAt: toMillis(1) }))).toBe(false)
    expect(isUsable(key({ revokedAt: toMillis(1) }))).toBe(false)
  })
})

describe('isLoopbackHost', () => {
  it.each(['localhost', 'gateway.localhost', '127.0.0.1', '127.8.9.10', '::1', '[::1]'])(
    'takes %s',
    (host) => {
      expect(isLoopbackHost(host)).toBe(true)
    },
  )

  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    'localhost.evil.com',
    'evil-localhost',
    'notlocalhost',
    '127.0.0.1.evil.com',
    '127.evil.com',
    'example.com',
    '',
  ])('refuses "%s"', (host) => {
    expect(isLoopbackHost(host)).toBe(false)
  })
})

function key(change: Partial<ClientKey>): ClientKey {
  return {
    id: 'k1',
    name: 'laptop',
    digest: '00',
    hint: 'abcd',
    createdAt: toMillis(0),
    disabledAt: undefined,
    revokedAt: undefined,
    rules: {},
    ...change,
  }
}
