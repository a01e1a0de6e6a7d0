/**
 * Asking a SOCKS5 proxy for a tunnel (RFC 1928), as a user where there is one (RFC 1929).
 * Names always go to the proxy as names, with "socks5://" too: who sets a proxy for an account
 * does not want the account's endpoint to be seen in this machine's look-ups. Must not touch
 * a socket.
 */

import { isIP } from 'node:net'
import { parseIpv6 } from '../../core/address.ts'
import type { ProxyCredentials } from '../../core/egress-proxy.ts'
import type { TunnelGoal, TunnelStep, TunnelTalk } from './tunnel.ts'

/** What the bytes held so far mean at one point of the talk; `next` undefined: the tunnel is open. */
type Reading =
  | { readonly kind: 'short' }
  | { readonly kind: 'refused'; readonly words: string }
  | { readonly kind: 'read'; readonly bytes: number; readonly send?: Uint8Array; readonly next?: Reader }

type Reader = (held: Uint8Array) => Reading

const VERSION = 5
const METHOD = { none: 0, password: 2, noneAcceptable: 0xff } as const
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const
const CONNECT = 1
const MOST_NAME_BYTES = 255
const SHORT: Reading = { kind: 'short' }

export function createSocksTalk(goal: TunnelGoal, credentials: ProxyCredentials | undefined): TunnelTalk {
  const methods = credentials === undefined ? [METHOD.none] : [METHOD.none, METHOD.password]
  let held: Uint8Array = new Uint8Array(0)
  let reader: Reader = readMethod(goal, credentials)

  return {
    begin: () =>
      goal.host.length > MOST_NAME_BYTES
        ? refused('cannot be asked for a name of more than 255 bytes')
        : { kind: 'wait', send: Uint8Array.of(VERSION, methods.length, ...methods) },
    hear(bytes) {
      held = Buffer.concat([held, bytes])
      const send: Uint8Array[] = []
      for (;;) {
        const reading = reader(held)
        if (reading.kind === 'short') return { kind: 'wait', send: Buffer.concat(send) }
        if (reading.kind === 'refused') return reading
        held = held.subarray(reading.bytes)
        if (reading.send !== undefined) send.push(reading.send)
        if (reading.next === undefined) return opened(held)
        reader = reading.next
      }
    },
  }
}

/** RFC 1928 §3: version, the method that the proxy chose among those offered. */
const readMethod =
  (goal: TunnelGoal, credentials: ProxyCredentials | undefined): Reader =>
  ([version, method]) => {
    if (version !== undefined && version !== VERSION) return refused('does not speak SOCKS5')
    if (method === undefined) return SHORT
    if (method === METHOD.none) return { kind: 'read', bytes: 2, send: request(goal), next: readReply(goal) }
    if (method === METHOD.password && credentials !== undefined)
      return { kind: 'read', bytes: 2, send: login(credentials), next: readLogin(goal) }
    if (method !== METHOD.noneAcceptable) return refused('chose a way to log in that was not offered')
    return refused(
      credentials === undefined
        ? 'takes nobody without credentials'
        : 'takes no login by user name and password',
    )
  }

/** RFC 1929 §2. What stands in the version's place differs among proxies and decides nothing. */
const readLogin =
  (goal: TunnelGoal): Reader =>
  ([, status]) => {
    if (status === undefined) return SHORT
    return status === 0
      ? { kind: 'read', bytes: 2, send: request(goal), next: readReply(goal) }
      : refused('refused the user name or the password')
  }

/** RFC 1928 §6. A refusal is one as soon as its code is there: not every proxy sends the rest. */
const readReply =
  (goal: TunnelGoal): Reader =>
  (held) => {
    const [version, code, , addressKind, nameBytes] = held
    if (version !== undefined && version !== VERSION) return refused('does not speak SOCKS5')
    if (code !== undefined && code !== 0)
      return refused(`opened no tunnel to ${goal.host}:${goal.port} (${meaningOf(code)})`)
    if (addressKind === undefined) return SHORT
    const addressBytes = bytesOfAddress(addressKind, nameBytes)
    if (addressBytes === undefined) return refused('answered with an address of no known kind')
    const bytes = 4 + addressBytes + 2
    return held.length < bytes ? SHORT : { kind: 'read', bytes }
  }

/** Of the address that the proxy says it connects from; for a name one byte more, its length. */
function bytesOfAddress(kind: number, nameBytes = MOST_NAME_BYTES): number | undefined {
  if (kind === ADDRESS.ipv4) return 4
  if (kind === ADDRESS.ipv6) return 16
  return kind === ADDRESS.name ? 1 + nameBytes : undefined
}

/** Whoever is behind the tunnel has nothing to say before it was asked. */
const opened = (rest: Uint8Array): TunnelStep =>
  rest.length > 0 ? refused('said more than it was asked') : { kind: 'open' }

const refused = (words: string) => ({ kind: 'refused', words }) as const

function login({ user, password }: ProxyCredentials): Uint8Array {
  const [name, secret] = [Buffer.from(user), Buffer.from(password)]
  return Buffer.concat([Uint8Array.of(1, name.length), name, Uint8Array.of(secret.length), secret])
}

/** RFC 1928 §4 and §5. */
const request = ({ host, port }: TunnelGoal): Uint8Array =>
  Uint8Array.of(VERSION, CONNECT, 0, ...addressOf(host), port >> 8, port & 0xff)

function addressOf(host: string): readonly number[] {
  if (host.startsWith('[')) return [ADDRESS.ipv6, ...ipv6Bytes(host)]
  if (isIP(host) === 4) return [ADDRESS.ipv4, ...host.split('.').map(Number)]
  return [ADDRESS.name, host.length, ...Buffer.from(host, 'latin1')]
}

/** Of an address in the one form in which URLs write it: groups of hexadecimal digits, at most one gap. */
const ipv6Bytes = (address: string): readonly number[] =>
  (parseIpv6(address) ?? []).flatMap((group) => [group >> 8, group & 0xff])

const MEANINGS: ReadonlyMap<number, string> = new Map([
  [1, 'it failed without saying why'],
  [2, 'its rules forbid it'],
  [3, 'it finds the network unreachable'],
  [4, 'it finds the host unreachable'],
  [5, 'the connection was refused'],
  [6, 'the way there took too long'],
  [7, 'it knows no such command'],
  [8, 'it knows no such kind of address'],
])

const meaningOf = (code: number): string => `${MEANINGS.get(code) ?? 'for a reason of its own'}, code ${code}`
