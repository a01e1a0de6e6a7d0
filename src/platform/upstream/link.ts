/**
 * A byte connection to an upstream: TCP to the first of its addresses that answers (RFC
 * 8305), through the network's proxy where there is one, and TLS with its certificate
 * checked. Must not know HTTP beyond a proxy's CONNECT.
 */

import { closeSync, openSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { Socket, SocketHandler, TLSOptions } from 'bun'
import type { Cause } from '../../core/failure.ts'
import { createOutbox, type Outbox } from '../outbox.ts'
import type { EgressProxy } from './egress.ts'

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
  const port = target.proxy?.port ?? target.port
  const isTunnel = target.proxy !== undefined && target.isSecure
  const tls = target.isSecure && !isTunnel ? tlsOptions(target) : undefined
  const dialed = await dialFirst(target, caller.isAbandoned, (address) => dial(address, port, tls))
  if (!isDialed(dialed)) return dialed
  caller.onDialed(dialed.link)
  const ready = isTunnel ? await tunnel(dialed, target) : dialed
  if (!isDialed(ready)) return ready
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
  { addresses, host }: LinkTarget,
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
      if (failed === addresses.length) resolve({ ...result, detail: `${host}: ${result.detail}` })
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
  events: { data: () => {}, close: () => {} },
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

/** Asks the proxy for a tunnel (RFC 9110 §9.3.6) and begins TLS inside it. */
async function tunnel(dialed: Dialed, target: LinkTarget): Promise<Dialed | LinkFault> {
  const { link, socket } = dialed
  const authority = `${target.host}:${target.port}`
  const authorization = target.proxy?.authorization
  const answer = Promise.withResolvers<string>()
  let text = ''
  link.events = {
    data(bytes) {
      text += Buffer.from(bytes).toString('latin1')
      if (text.includes('\r\n\r\n') || text.length > 16_384) answer.resolve(text)
    },
    close: () => answer.resolve(''),
  }
  const fields = authorization === undefined ? '' : `proxy-authorization: ${authorization}\r\n`
  link.outbox.write([
    Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${fields}\r\n`, 'latin1'),
  ])
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(await answer.promise)?.[1]
  if (status !== '200') {
    link.terminate()
    return {
      cause: 'egress-proxy',
      detail: `the proxy ${target.proxy?.host} refused a tunnel (${status ?? 'no answer'})`,
    }
  }
  const inner = createHandlers()
  const [, secure] = socket.upgradeTLS<undefined>({
    data: undefined,
    tls: tlsOptions(target),
    socket: inner.handlers,
  })
  return { socket: secure, handshake: inner.handshake, link: inner.link(secure) }
}
