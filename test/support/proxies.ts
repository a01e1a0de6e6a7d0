/**
 * Real little proxies on loopback: HTTP (CONNECT and whole-URL requests) and SOCKS5. Every name
 * leads them to this machine, so tests can ask for names that nobody else knows, and what they
 * were asked for is on record. Written against the RFCs, not against our client.
 */
import { connect, createServer, type Socket } from 'node:net'
import { type ByteReader, createByteReader } from './byte-reader.ts'

export interface Visit {
  /** "host:port" as the proxy was asked for it, and how: a request's line or a kind of address. */
  readonly goals: string[]
  readonly words: string[]
  /** "user:password" as it was shown. */
  readonly logins: string[]
  /** SOCKS: the ways to log in that were offered. */
  readonly offers: number[][]
  /** Settled when this connection has ended. */
  readonly gone: Promise<void>
}

export interface TestProxy {
  readonly port: number
  readonly visits: readonly Visit[]
  /** Connections from clients that are open now. */
  readonly open: number
  /** Resolves once somebody has come as far as the stage at which it falls silent. */
  readonly silent: Promise<void>
  /** By the name that the tests' resolver knows. */
  url(credentials?: string): string
  stop(): void
}

export type Stage = 'greeting' | 'login' | 'request'

export interface ProxyPlan {
  /** "user:password" that it wants. */
  readonly credentials?: string
  /** Says this instead of opening a tunnel: a status, or a SOCKS reply code. */
  readonly refusal?: number
  /** Falls silent instead of answering this. */
  readonly silentAt?: Stage
  /** Sends what it says byte by byte. */
  readonly isSlow?: boolean
}

interface Client {
  readonly socket: Socket
  readonly reader: ByteReader
  readonly visit: Visit
  /** Answers, unless it falls silent here. */
  say(stage: Stage, bytes: Uint8Array | string): Promise<void>
}

/** By this name the tests' resolver finds the proxies. */
export const PROXY_HOST = 'proxy.test'

/** Starters of proxies, by kind. */
export const PROXIES = {
  http: (plan: ProxyPlan = {}) => start('http', plan, (client) => serveHttp(client, plan)),
  socks5: (plan: ProxyPlan = {}) => start('socks5', plan, (client) => serveSocks(client, plan)),
} as const

async function start(
  scheme: string,
  plan: ProxyPlan,
  serve: (client: Client) => Promise<void>,
): Promise<TestProxy> {
  const visits: Visit[] = []
  const sockets = new Set<Socket>()
  const silent = Promise.withResolvers<void>()
  const server = createServer((socket) => {
    const gone = Promise.withResolvers<void>()
    const visit: Visit = { goals: [], words: [], logins: [], offers: [], gone: gone.promise }
    sockets.add(socket)
    visits.push(visit)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      gone.resolve()
    })
    const say = async (stage: Stage, bytes: Uint8Array | string): Promise<void> => {
      if (plan.silentAt === stage) {
        silent.resolve()
        return gone.promise
      }
      if (plan.isSlow !== true) return void socket.write(bytes)
      for (const byte of Buffer.from(bytes)) {
        socket.write(Uint8Array.of(byte))
        await new Promise(setImmediate)
      }
    }
    serve({ socket, reader: createByteReader(socket), visit, say }).catch(() => socket.destroy())
  })
  const { promise: listening, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await listening
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    port,
    visits,
    silent: silent.promise,
    get open() {
      return sockets.size
    },
    url: (credentials) =>
      `${scheme}://${credentials === undefined ? '' : `${credentials}@`}${PROXY_HOST}:${port}`,
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/* HTTP: RFC 9110 §9.3.6, RFC 9112 §3.2.2 */

async function serveHttp(client: Client, { credentials, refusal }: ProxyPlan): Promise<void> {
  const { socket, reader, visit, say } = client
  let way: Socket | undefined
  for (;;) {
    const head = await reader.until('\r\n\r\n')
    const [line = '', ...fields] = head.trimEnd().split('\r\n')
    const [method = '', target = ''] = line.split(' ')
    visit.words.push(line)
    const login = /^proxy-authorization: Basic (.*)$/im.exec(head)?.[1]
    const shown = login === undefined ? undefined : Buffer.from(login, 'base64').toString()
    if (shown !== undefined) visit.logins.push(shown)
    const isKnown = credentials === undefined || shown === credentials
    const status = isKnown ? refusal : 407
    if (status !== undefined) return say('request', `HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
    const url = new URL(method === 'CONNECT' ? `http://${target}` : target)
    visit.goals.push(method === 'CONNECT' ? target : url.host)
    way ??= await reach(socket, Number(url.port))
    if (method === 'CONNECT') {
      await say('request', 'HTTP/1.1 200 Connection established\r\n\r\n')
      return reader.pipeInto(way)
    }
    if (visit.goals.length === 1) way.pipe(socket)
    const forwarded = fields.filter((field) => !/^proxy-/i.test(field))
    way.write(`${method} ${url.pathname}${url.search} HTTP/1.1\r\n${forwarded.join('\r\n')}\r\n\r\n`)
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
    way.write(await reader.exactly(length))
  }
}

/* SOCKS5: RFC 1928, RFC 1929 */

async function serveSocks(client: Client, { credentials, refusal }: ProxyPlan): Promise<void> {
  const { socket, reader, visit, say } = client
  const [, count = 0] = await reader.exactly(2)
  const offer = [...(await reader.exactly(count))]
  visit.offers.push(offer)
  const wanted = credentials === undefined ? 0 : 2
  await say('greeting', Uint8Array.of(5, offer.includes(wanted) ? wanted : 0xff))
  if (!offer.includes(wanted)) return void socket.end()
  if (wanted === 2 && !(await isLoggedIn(client, credentials))) return void socket.end()
  const [version, command, , kind = 0] = await reader.exactly(4)
  if (version !== 5 || command !== 1) return void socket.destroy()
  const host = await readAddress(reader, kind)
  const port = (await reader.exactly(2)).readUInt16BE()
  visit.goals.push(`${host}:${port}`)
  visit.words.push(`kind ${kind}`)
  if (refusal !== undefined) {
    await say('request', Uint8Array.of(5, refusal, 0, 1, 0, 0, 0, 0, 0, 0))
    return void socket.end()
  }
  const way = await reach(socket, port)
  await say('request', Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 4, 56))
  reader.pipeInto(way)
}

async function isLoggedIn({ reader, visit, say }: Client, credentials: string | undefined): Promise<boolean> {
  const [, userBytes = 0] = await reader.exactly(2)
  const user = await reader.exactly(userBytes)
  const [passwordBytes = 0] = await reader.exactly(1)
  const password = await reader.exactly(passwordBytes)
  const login = `${user.toString()}:${password.toString()}`
  visit.logins.push(login)
  await say('login', Uint8Array.of(1, login === credentials ? 0 : 1))
  return login === credentials
}

async function readAddress(reader: ByteReader, kind: number): Promise<string> {
  if (kind === 1) return [...(await reader.exactly(4))].join('.')
  if (kind === 4) return (await reader.exactly(16)).toString('hex')
  const [bytes = 0] = await reader.exactly(1)
  return (await reader.exactly(bytes)).toString('latin1')
}

/** Each end's end is the other's. */
async function reach(client: Socket, port: number): Promise<Socket> {
  const way = connect({ host: '127.0.0.1', port })
  way.setNoDelay(true)
  way.on('error', () => client.destroy())
  way.on('close', () => client.destroy())
  client.on('close', () => way.destroy())
  const { promise, resolve } = Promise.withResolvers<void>()
  way.on('connect', resolve)
  await promise
  return way
}
