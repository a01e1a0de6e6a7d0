/**
 * A byte connection to an upstream: TCP to the first of its addresses that answers (RFC
 * 8305), through a proxy where there is one, and TLS with its certificate checked. Must not
 * know HTTP, nor what is said to a proxy for a tunnel.
 */

import { closeSync, openSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { Socket, SocketHandler, TLSOptions } from 'bun'
import type { Cause } from '../../core/failure.ts'
import { createOutbox, type Outbox } from '../outbox.ts'
import { type EgressProxy, nameOfWay } from './egress.ts'
import { createConnectTalk } from './http-connect.ts'
import { createSocksTalk } from './socks.ts'
import type { TunnelStep } from './tunnel.ts'

export interface Link {
  readonly outbox: Outbox
  /** Who gets what happens on the link; replaced by whoever uses it. */
  events: LinkEvents
  /** The connection has ended; `events` was told if it was there already. */
  readonly isClosed: boolean
  pause(): void
  resume(): void
  /** A reset: nothing more is read or written. */
  terminate(): void
}

export interface LinkEvents {
  data(bytes: Buffer): void
  /** `isReset`: the connection broke; otherwise the other side ended it in order. */
  close(isReset: boolean): void
}

/** For links that nobody uses yet, and for what passes below TLS: its bytes, which are no answer. */
const UNHEARD: LinkEvents = { data: () => {}, close: () => {} }

export interface LinkFault {
  readonly cause: Cause
  readonly detail: string
}

export interface LinkTarget {
  /** As people and certificates call it. */
  readonly host: string
  readonly port: number
  readonly addresses: readonly string[]
  readonly isSecure: boolean
  /** The addresses are then the proxy's. */
  readonly proxy: EgressProxy | undefined
}

export const isLinkFault = (result: Link | LinkFault): result is LinkFault => 'cause' in result

/** How long one address may keep the next one waiting (RFC 8305 §5). */
const NEXT_ADDRESS_MS = 250
const KEEP_ALIVE_MS = 15_000

/** Who waits for a link: may have left, and is told of a connection as soon as it can be closed again. */
export interface Caller {
  isAbandoned(): boolean
  onDialed(link: Link): void
}

export async function openLink(target: LinkTarget, caller: Caller): Promise<Link | LinkFault> {
  const { proxy } = target
  const port = proxy?.port ?? target.port
  // RFC 9112 §3.2.2: an HTTP proxy takes requests for plain endpoints itself.
  const tunnelProxy = target.isSecure || proxy?.kind === 'socks5' ? proxy : undefined
  const tls = target.isSecure && tunnelProxy === undefined ? tlsOptions(target) : undefined
  const dialed = await dialFirst(target, caller.isAbandoned, (address) => dial(address, port, tls))
  if (!isDialed(dialed)) return dialed
  caller.onDialed(dialed.link)
  const ready = tunnelProxy === undefined ? dialed : await tunnel(dialed, target, tunnelProxy)
  if (!isDialed(ready)) return ready
  // With TLS inside, closing the connection to the proxy would do nothing any more.
  caller.onDialed(ready.link)
  const fault = target.isSecure ? await verified(ready, target.host) : undefined
  if (fault === undefined) return ready.link
  ready.link.terminate()
  return fault
}

/** A socket in the making: what has happened on it, before it is a link for use. */
interface Dialed {
  readonly link: Link
  readonly socket: Socket
  readonly handshake: Promise<Error | undefined>
}

const isDialed = (result: Dialed | LinkFault): result is Dialed => 'socket' in result

/** Addresses one after the other, each with a short head start; the first that answers wins. */
function dialFirst(
  { addresses, host, proxy }: LinkTarget,
  isAbandoned: () => boolean,
  dialOne: (address: string) => Promise<Dialed | LinkFault>,
): Promise<Dialed | LinkFault> {
  const { promise, resolve } = Promise.withResolvers<Dialed | LinkFault>()
  let next = 0
  let failed = 0
  let isSettled = false
  const start = (): void => {
    const address = addresses[next]
    if (address === undefined || isSettled || isAbandoned()) return
    next++
    const timer = setTimeout(start, NEXT_ADDRESS_MS)
    void dialOne(address).then((result) => {
      clearTimeout(timer)
      if (isDialed(result)) {
        if (isSettled || isAbandoned()) result.link.terminate()
        isSettled = true
        resolve(result)
        return
      }
      failed++
      if (failed === addresses.length)
        resolve({ ...result, detail: `${nameOfWay(host, proxy)}: ${result.detail}` })
      else start()
    })
  }
  start()
  return promise
}

async function dial(address: string, port: number, tls: TLSOptions | undefined): Promise<Dialed | LinkFault> {
  const { handlers, handshake, link } = createHandlers()
  try {
    const socket = await Bun.connect<undefined>({
      hostname: address,
      port,
      ...(tls === undefined ? {} : { tls }),
      socket: handlers,
    })
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    return { socket, handshake, link: link(socket) }
  } catch (error) {
    if (!isDescriptorLeft()) return { cause: 'no-sockets', detail: NO_DESCRIPTOR }
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    return { cause: 'connect-refused', detail: `no connection to ${address} port ${port} (${code})` }
  }
}

const NO_DESCRIPTOR = 'this process may open no more connections; raise its limit on open files (ulimit -n)'

/** The runtime reports a connection for want of a descriptor as one that was refused. */
function isDescriptorLeft(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return true
  } catch {
    return false
  }
}

/** Handlers that pass events to the link once it exists, and the outcome of the TLS handshake. */
function createHandlers(): {
  readonly handlers: SocketHandler
  readonly handshake: Promise<Error | undefined>
  readonly link: (socket: Socket) => Link
} {
  const handshake = Promise.withResolvers<Error | undefined>()
  let link: Link | undefined
  let isClosed = false
  const close = (isReset: boolean): void => {
    handshake.resolve(new Error('the connection was closed during the TLS handshake'))
    if (isClosed) return
    isClosed = true
    link?.outbox.drop()
    link?.events.close(isReset)
  }
  const handlers: SocketHandler = {
    data: (_, bytes) => link?.events.data(bytes),
    drain: () => link?.outbox.flush(),
    handshake: (_, isOk, error) =>
      handshake.resolve(isOk && !error ? undefined : (error ?? new Error('the TLS handshake failed'))),
    end: () => close(false),
    close: (_, error) => close(error !== undefined && error !== null),
    error: () => close(true),
  }
  return {
    handlers,
    handshake: handshake.promise,
    link: (socket) => {
      link = toLink(socket, () => isClosed)
      return link
    },
  }
}

const toLink = (socket: Socket, isClosed: () => boolean): Link => ({
  outbox: createOutbox(socket),
  events: UNHEARD,
  get isClosed() {
    return isClosed()
  },
  pause: () => void socket.pause(),
  resume: () => void socket.resume(),
  terminate: () => socket.terminate(),
})

const tlsOptions = ({ host }: LinkTarget): TLSOptions => ({
  ...(isIP(withoutBrackets(host)) === 0 ? { serverName: host } : {}),
  ALPNProtocols: 'http/1.1',
  rejectUnauthorized: true,
})

/** Verification is never off: neither for the chain nor for the name. */
async function verified({ handshake, socket }: Dialed, host: string): Promise<LinkFault | undefined> {
  const error = (await handshake) ?? checkServerIdentity(withoutBrackets(host), socket.getPeerCertificate())
  return error === undefined ? undefined : { cause: 'tls-failed', detail: `${host}: ${error.message}` }
}

/** URLs write IPv6 addresses in brackets, certificates do not. */
const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '')

/** The connection once it leads to the target: through the proxy, and with TLS inside where that is wanted. */
async function tunnel(dialed: Dialed, target: LinkTarget, proxy: EgressProxy): Promise<Dialed | LinkFault> {
  const { link, socket } = dialed
  const answer = await askForTunnel(link, target, proxy)
  const refusal = answer === undefined && link.isClosed ? 'closed the tunnel at once' : answer
  if (refusal !== undefined) {
    link.terminate()
    return { cause: 'egress-proxy', detail: `the proxy ${proxy.host} ${refusal}` }
  }
  if (!target.isSecure) return dialed
  const inner = createHandlers()
  const [, secure] = socket.upgradeTLS<undefined>({
    data: undefined,
    tls: tlsOptions(target),
    socket: inner.handlers,
  })
  return { socket: secure, handshake: inner.handshake, link: inner.link(secure) }
}

/** In the proxy's dialect. Resolves with what the proxy did instead of opening one; has no time limit of its own. */
function askForTunnel(link: Link, target: LinkTarget, proxy: EgressProxy): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const talk =
    proxy.kind === 'socks5'
      ? createSocksTalk(target, proxy.credentials)
      : createConnectTalk(target, proxy.authorization)
  const take = (step: TunnelStep): void => {
    if (step.kind === 'wait') return link.outbox.write([step.send])
    link.events = UNHEARD
    resolve(step.kind === 'refused' ? step.words : undefined)
  }
  link.events = {
    data: (bytes) => take(talk.hear(bytes)),
    close: () => resolve('closed the connection instead of answering'),
  }
  if (link.isClosed) resolve('closed the connection at once')
  else take(talk.begin())
  return promise
}
