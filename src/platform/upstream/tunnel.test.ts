/**
 * What is said to a proxy for a tunnel, byte by byte, and how its answers are read, however
 * they are cut. Over real sockets: `test/egress-proxy`.
 */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { createConnectTalk } from './http-connect.ts'
import { createSocksTalk } from './socks.ts'
import type { TunnelGoal, TunnelStep, TunnelTalk } from './tunnel.ts'

const GOAL: TunnelGoal = { host: 'llm.example', port: 443 }
const ME = { user: 'me', password: 'CANARY-ü' }
const OPENED = [5, 0, 0, 1, 192, 0, 2, 1, 4, 56]
/** Version, CONNECT, a name of eleven bytes, port 443. */
const REQUEST = [5, 1, 0, 3, 11, ...Buffer.from('llm.example'), 1, 187]

describe('a talk in SOCKS5', () => {
  it('without credentials offers to log in as nobody, and asks for the name', () => {
    expect(heard(createSocksTalk(GOAL, undefined), [5, 0], OPENED)).toEqual({
      sent: [[5, 1, 0], REQUEST, []],
      end: { kind: 'open' },
    })
  })

  it('with credentials offers both ways, and logs in where that is wanted', () => {
    const login = [1, 2, ...Buffer.from('me'), 9, ...Buffer.from('CANARY-ü')]
    expect(heard(createSocksTalk(GOAL, ME), [5, 2], [1, 0], OPENED)).toEqual({
      sent: [[5, 2, 0, 2], login, REQUEST, []],
      end: { kind: 'open' },
    })
    expect(heard(createSocksTalk(GOAL, ME), [5, 0], OPENED).sent).toEqual([[5, 2, 0, 2], REQUEST, []])
  })

  it.each([
    ['192.0.2.7', [1, 192, 0, 2, 7]],
    ['[2001:db8::7]', [4, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]],
    ['[::1]', [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['[fd00::]', [4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['[1:2:3:4:5:6:7:8]', [4, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ['localhost', [3, 9, ...Buffer.from('localhost')]],
    ['1.2.3.4.example', [3, 15, ...Buffer.from('1.2.3.4.example')]],
  ])('asks for an address as an address, and for everything else by name: %s', (host, address) => {
    const { sent } = heard(createSocksTalk({ host, port: 8080 }, undefined), [5, 0])
    expect(sent[1]).toEqual([5, 1, 0, ...address, 31, 144])
  })

  it('asks for every IPv6 address, in whichever short form URLs write it', () => {
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff))
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const host = new URL(`http://[${groups.map((each) => each.toString(16)).join(':')}]`).hostname
        const { sent } = heard(createSocksTalk({ host, port: 1 }, undefined), [5, 0])
        const address = groups.flatMap((each) => [each >> 8, each & 0xff])
        expect(sent[1]).toEqual([5, 1, 0, 4, ...address, 0, 1])
      }),
    )
  })

  it('does not ask for a name that it could not write', () => {
    const name = (length: number) => createSocksTalk({ host: 'x'.repeat(length), port: 1 }, undefined).begin()
    expect(name(255).kind).toBe('wait')
    expect(name(256).kind).toBe('refused')
  })

  it.each([
    ['an IPv4 address', [1, 192, 0, 2, 1]],
    ['an IPv6 address', [4, ...Array.from({ length: 16 }, () => 7)]],
    ['a name', [3, 4, 1, 2, 3, 4]],
    ['an empty name', [3, 0]],
  ])('ends where the proxy’s own address does: %s', (_what, address) => {
    const reply = [5, 0, 0, ...address, 4, 56]
    expect(heard(createSocksTalk(GOAL, undefined), [5, 0], reply.slice(0, -1)).end.kind).toBe('wait')
    expect(heard(createSocksTalk(GOAL, undefined), [5, 0], reply).end).toEqual({ kind: 'open' })
    expect(heard(createSocksTalk(GOAL, undefined), [5, 0], [...reply, 0]).end.kind).toBe('refused')
  })

  it.each([
    ['does not speak SOCKS5', [[72]]],
    ['does not speak SOCKS5', [[5, 0], [4]]],
    ['takes nobody without credentials', [[5, 255]]],
    ['chose a way to log in that was not offered', [[5, 2]]],
    ['chose a way to log in that was not offered', [[5, 1]]],
    [
      'opened no tunnel to llm.example:443 (the connection was refused, code 5)',
      [
        [5, 0],
        [5, 5],
      ],
    ],
    [
      'answered with an address of no known kind',
      [
        [5, 0],
        [5, 0, 0, 2],
      ],
    ],
  ])('is refused as soon as that is certain: %s', (words, replies) => {
    expect(heard(createSocksTalk(GOAL, undefined), ...replies).end).toEqual({ kind: 'refused', words })
    const cut = replies.map((reply, index) => (index === replies.length - 1 ? reply.slice(0, -1) : reply))
    expect(heard(createSocksTalk(GOAL, undefined), ...cut).end.kind).toBe('wait')
  })

  it('that fails at the login says so without the login', () => {
    const words = 'refused the user name or the password'
    expect(heard(createSocksTalk(GOAL, ME), [5, 2], [1, 1]).end).toEqual({ kind: 'refused', words })
    expect(heard(createSocksTalk(GOAL, ME), [5, 255]).end).toMatchObject({ kind: 'refused' })
  })

  it('comes to the same end however the replies are cut', () => {
    const anyReply = fc.oneof(
      fc.constantFrom(
        [5, 2, 1, 0, ...OPENED],
        [5, 0, ...OPENED],
        [5, 2, 1, 1],
        [5, 0, 5, 3, 0, 1],
        [5, 0, 5, 0, 0, 3, 1],
      ),
      fc.array(fc.constantFrom(0, 1, 2, 3, 4, 5, 255), { maxLength: 30 }),
    )
    sameHoweverCut(() => createSocksTalk(GOAL, ME), anyReply)
  })
})

describe('a talk in HTTP', () => {
  const answer = (text: string) => heard(createConnectTalk(GOAL, undefined), [...Buffer.from(text)]).end

  it('asks for the authority, with the credentials where there are any', () => {
    expect(textOf(createConnectTalk(GOAL, undefined).begin())).toBe(
      'CONNECT llm.example:443 HTTP/1.1\r\nhost: llm.example:443\r\n\r\n',
    )
    expect(textOf(createConnectTalk({ host: '[::1]', port: 1 }, 'Basic CANARY').begin())).toBe(
      'CONNECT [::1]:1 HTTP/1.1\r\nhost: [::1]:1\r\nproxy-authorization: Basic CANARY\r\n\r\n',
    )
  })

  it.each([
    'HTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.0 200\r\nvia: x\r\ncontent-length: 7\r\n\r\n',
    'HTTP/1.1 204 \r\n\r\n',
  ])('takes %p for a tunnel', (text) => expect(answer(text)).toEqual({ kind: 'open' }))

  it.each([
    ['HTTP/1.1 407 No\r\n\r\n', 'refused a tunnel to llm.example:443 (407: it wants other credentials)'],
    ['HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n', 'refused a tunnel to llm.example:443 (status 302)'],
    ['HTTP/1.1 2000 OK\r\n\r\n', 'answered no HTTP'],
    ['HTTP/1.1 OK\r\n\r\n', 'answered no HTTP'],
    ['HTTP/2', 'answered no HTTP'],
    ['\x05', 'answered no HTTP'],
    [`HTTP/1.1 200 OK\r\n${'x'.repeat(16_384)}`, 'answered without an end'],
    ['HTTP/1.1 200 OK\r\n\r\nx', 'said more than it was asked'],
  ])('takes %p for none', (text, words) => expect(answer(text)).toEqual({ kind: 'refused', words }))

  it('comes to the same end however the answer is cut', () => {
    const words = fc.constantFrom('HTTP/1.1', ' ', '200', '407', '\r\n', '\r\n\r\n', 'x: y', '\x05')
    const anyAnswer = fc.array(words, { maxLength: 8 }).map((all) => [...Buffer.from(all.join(''))])
    sameHoweverCut(() => createConnectTalk(GOAL, undefined), anyAnswer)
  })
})

interface Heard {
  readonly sent: readonly (readonly number[])[]
  readonly end: TunnelStep
}

/** What the talk sends at first and after each piece, and the last thing it says. */
function heard(talk: TunnelTalk, ...pieces: readonly (readonly number[])[]): Heard {
  let end = talk.begin()
  const sent = [bytesOf(end)]
  for (const piece of pieces) {
    if (end.kind !== 'wait') break
    end = talk.hear(Uint8Array.from(piece))
    sent.push(bytesOf(end))
  }
  return { sent, end: end.kind === 'wait' ? { kind: 'wait', send: new Uint8Array(0) } : end }
}

const bytesOf = (step: TunnelStep): readonly number[] => (step.kind === 'wait' ? [...step.send] : [])

const textOf = (step: TunnelStep): string => Buffer.from(bytesOf(step)).toString('latin1')

/** Byte by byte is the measure; a talk that is over has nothing more to hear. */
function sameHoweverCut(create: () => TunnelTalk, replies: fc.Arbitrary<readonly number[]>): void {
  fc.assert(
    fc.property(replies, fc.array(fc.nat(40)), (bytes, cuts) => {
      const single = heard(create(), ...bytes.map((byte) => [byte]))
      const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])]
      places.sort((a, b) => a - b)
      const pieces = places.slice(1).map((place, index) => bytes.slice(places[index], place))
      const cut = heard(create(), ...pieces)
      const isSurplus = cut.end.kind === 'refused' && cut.end.words === 'said more than it was asked'
      expect(isSurplus ? 'open' : cut.end).toEqual(isSurplus ? single.end.kind : single.end)
      if (cut.end.kind === 'wait') expect(cut.sent.flat()).toEqual(single.sent.flat())
    }),
    { numRuns: 2_000 },
  )
}
