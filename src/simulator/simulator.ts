/**
 * A simulated provider on loopback: real sockets, Anthropic's shapes, scriptable per account
 * key, and a record of what it received and of when the other side went away. Used by tests,
 * benchmark and demo. Not a mock: unscripted requests get what a healthy provider gives.
 */
import type { Socket, TLSOptions } from 'bun'
import { type BodyDecoder, createBodyDecoder } from '../http1/body.ts'
import { parseRequestHead, type RequestHead } from '../http1/head.ts'
import { healthyReply } from './healthy.ts'
import { createLogins, isTokenEndpoint, type Logins, TOKEN_ENDPOINT } from './logins.ts'
import { createPromptCache } from './prompt-cache.ts'
import { quotaReply } from './quotas.ts'
import type { Action, Reply } from './replies.ts'

export interface Received {
  readonly number: number
  readonly method: string
  readonly target: string
  readonly headers: RequestHead['headers']
  readonly body: Buffer
  /** The credential it came with; `TOKEN_ENDPOINT` where that is asked without one. */
  readonly key: string
  /** Counts connections, so that reuse can be seen. */
  readonly connection: number
  /** Settled when the other side went away while it was being answered. */
  readonly abandoned: Promise<void>
  readonly isAbandoned: () => boolean
}

/** An iterable may be made as it is sent: endless answers, and a count of what was sent so far. */
export type Behaviour = Iterable<Action> | ((request: Received) => Iterable<Action>)

export interface Simulator {
  readonly url: string
  readonly port: number
  readonly received: readonly Received[]
  /** The next requests with this key get these replies, in order; then it is healthy again. */
  script(key: string, ...replies: readonly Behaviour[]): void
  /** All further requests with this key get this reply; undefined: healthy. */
  always(key: string, reply: Behaviour | undefined): void
  requestsOf(key: string): readonly Received[]
  /** What it answers where no script says otherwise: for scripts that only delay, or count. */
  unscripted(request: Received): Reply
  /** Its people, their logins and tokens. */
  readonly logins: Logins
  /** Connections that are open now. */
  readonly connections: number
  /** Those of them on which a request is being answered. */
  readonly busy: number
  /** Ends the others, as a provider does after a while. */
  closeIdle(): void
  stop(): void
}

export interface SimulatorOptions {
  readonly port?: number
  readonly tls?: TLSOptions
  /** Received requests kept for inspection; 0 for endless runs. */
  readonly keeps?: number
  /** Whether it keeps prompt caches, for each key and model; otherwise half of every prompt came from one. */
  readonly hasCaches?: boolean
  /** The clock that tokens expire and windows reset by, in epoch milliseconds. */
  readonly now?: () => number
}

interface Connection {
  readonly number: number
  readonly socket: Socket<Connection>
  held: Buffer
  head: RequestHead | undefined
  decoder: BodyDecoder | undefined
  pieces: Uint8Array[]
  isBusy: boolean
  isGone: boolean
  readonly gone: PromiseWithResolvers<void>
  drained: PromiseWithResolvers<void> | undefined
}

const HEAD_END = Buffer.from('\r\n\r\n')
const KEEPS = 10_000

export function startSimulator(options: SimulatorOptions = {}): Simulator {
  const received: Received[] = []
  const connections = new Set<Connection>()
  const now = options.now ?? Date.now
  const logins = createLogins(now)
  const cached = options.hasCaches === true ? createPromptCache(now) : () => undefined
  let requests = 0
  let opened = 0

  const unscripted = (request: Received): Reply =>
    logins.answer(request) ?? quotaReply(request, now()) ?? cached(request) ?? healthyReply(request)
  const stage = createStage(unscripted)
  const serve = async (connection: Connection, head: RequestHead, body: Buffer): Promise<void> => {
    const request = toReceived(++requests, connection, head, body)
    if (received.length < (options.keeps ?? KEEPS)) received.push(request)
    logins.note(request)
    await perform(connection, stage.play(request))
    connection.isBusy = false
    if (!connection.isGone) take(connection, serve)
  }
  const listener = Bun.listen<Connection>({
    hostname: '127.0.0.1',
    port: options.port ?? 0,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    socket: {
      open(socket) {
        socket.setNoDelay(true)
        socket.data = newConnection(++opened, socket)
        connections.add(socket.data)
      },
      data(socket, bytes) {
        socket.data.held = socket.data.held.length === 0 ? bytes : Buffer.concat([socket.data.held, bytes])
        take(socket.data, serve)
      },
      drain: (socket) => socket.data.drained?.resolve(),
      end: ({ data }) => leave(data, connections),
      close: ({ data }) => leave(data, connections),
      error: ({ data }) => leave(data, connections),
    },
  })
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${listener.port}`,
    port: listener.port,
    received,
    script: stage.script,
    always: stage.always,
    unscripted,
    logins,
    requestsOf: (key) => received.filter((request) => request.key === key),
    get connections() {
      return connections.size
    },
    get busy() {
      return [...connections].filter(({ isBusy }) => isBusy).length
    },
    closeIdle() {
      for (const { isBusy, socket } of [...connections]) if (!isBusy) socket.end()
    },
    stop: () => listener.stop(true),
  }
}

interface Stage extends Pick<Simulator, 'script' | 'always'> {
  play(request: Received): Iterable<Action>
}

function createStage(unscripted: (request: Received) => Reply): Stage {
  const scripts = new Map<string, Behaviour[]>()
  const habits = new Map<string, Behaviour>()
  return {
    script: (key, ...replies) => void scripts.set(key, [...(scripts.get(key) ?? []), ...replies]),
    always: (key, reply) => void (reply === undefined ? habits.delete(key) : habits.set(key, reply)),
    play(request) {
      const behaviour = scripts.get(request.key)?.shift() ?? habits.get(request.key) ?? unscripted
      return typeof behaviour === 'function' ? behaviour(request) : behaviour
    },
  }
}

const newConnection = (number: number, socket: Socket<Connection>): Connection => ({
  number,
  socket,
  held: Buffer.alloc(0),
  head: undefined,
  decoder: undefined,
  pieces: [],
  isBusy: false,
  isGone: false,
  gone: Promise.withResolvers(),
  drained: undefined,
})

/** Reads requests one after the other; what comes while one is being answered waits. */
function take(
  connection: Connection,
  serve: (connection: Connection, head: RequestHead, body: Buffer) => Promise<void>,
): void {
  if (connection.isBusy || connection.held.length === 0) return
  if (connection.head === undefined) {
    const end = connection.held.indexOf(HEAD_END)
    if (end < 0) return
    connection.head = parseRequestHead(connection.held.toString('latin1', 0, end))
    connection.decoder = createBodyDecoder(connection.head.framing)
    connection.held = connection.held.subarray(end + HEAD_END.length)
  }
  const { head, decoder } = connection
  if (decoder === undefined) return
  const { pieces, rest } = decoder.feed(connection.held)
  connection.pieces.push(...pieces)
  connection.held = Buffer.from(rest)
  if (!decoder.isComplete) return
  const body = Buffer.concat(connection.pieces)
  connection.head = undefined
  connection.pieces = []
  connection.isBusy = true
  void serve(connection, head, body)
}

function toReceived(
  number: number,
  connection: Connection,
  { method, target, headers }: RequestHead,
  body: Buffer,
): Received {
  const value = (name: string) => headers.find((header) => header[0] === name)?.[1]
  return {
    number,
    method,
    target,
    headers,
    body,
    key:
      value('x-api-key') ?? value('authorization')?.replace(/^Bearer /i, '') ?? keyWithoutCredential(target),
    connection: connection.number,
    abandoned: connection.gone.promise,
    isAbandoned: () => connection.isGone,
  }
}

const keyWithoutCredential = (target: string): string => (isTokenEndpoint({ target }) ? TOKEN_ENDPOINT : '')

async function perform(connection: Connection, reply: Iterable<Action>): Promise<void> {
  for (const action of reply) {
    if (connection.isGone) return
    await act(connection, action)
  }
}

async function act(connection: Connection, action: Action): Promise<void> {
  const { socket } = connection
  switch (action.kind) {
    case 'send':
      return write(connection, typeof action.bytes === 'string' ? Buffer.from(action.bytes) : action.bytes)
    case 'wait':
      await Promise.race([Bun.sleep(action.ms), connection.gone.promise])
      return
    case 'until':
      await Promise.race([action.released, connection.gone.promise])
      return
    case 'close':
      socket.end()
      return
    case 'reset':
      socket.terminate()
  }
}

/** Waits while the other side does not read: a provider is slowed down by slow clients too. */
async function write(connection: Connection, bytes: Uint8Array): Promise<void> {
  let rest = bytes
  while (rest.length > 0 && !connection.isGone) {
    const taken = connection.socket.write(rest)
    rest = rest.subarray(Math.max(0, taken))
    if (rest.length === 0) return
    connection.drained = Promise.withResolvers<void>()
    await Promise.race([connection.drained.promise, connection.gone.promise])
  }
}

/** A connection whose TLS handshake failed was never opened, and has no data. */
function leave(connection: Connection | undefined, connections: Set<Connection>): void {
  if (connection === undefined || connection.isGone) return
  connection.isGone = true
  connections.delete(connection)
  connection.gone.resolve()
  connection.socket.end()
}
