/**
 * The first thing that sees a client's request: checks where it says it comes from, then
 * hands it to the proxy or to the control plane. One normalized path decides both what is
 * served and what is protected. Part of the composition; must not answer for either side.
 */
import { isPage } from '../api/page-paths.ts'
import { PROTECTIVE_HEADERS } from '../api/protective-headers.ts'
import { GatewayError, STATUS_OF, toGatewayError } from '../core/error.ts'
import { checkOrigin, type OriginPolicy } from '../core/origin.ts'
import { ClientGone, type ClientRequest, type Reply, type RequestHandler } from '../core/ports/client.ts'
import type { Log } from '../core/ports/log.ts'
import { writeErrorEnvelope } from '../dialects/messages/error.ts'
import { isIdentity } from '../proxy/endpoint.ts'
import { splitPool } from '../proxy/wants.ts'

export interface DispatchOptions {
  readonly proxy: RequestHandler
  readonly control: RequestHandler
  readonly originPolicy: () => OriginPolicy
  /** Whether an address may come in; undefined when all may. */
  readonly admits: () => ((address: string) => boolean) | undefined
  readonly log: Log
}

export function createDispatch(options: DispatchOptions): RequestHandler {
  return async (request, reply) => {
    try {
      assertNetwork(request, options.admits())
      assertOrigin(request, options.originPolicy())
      assertMethod(request)
      assertPath(request)
      await route(request, reply, options)
    } catch (thrown) {
      if (thrown instanceof ClientGone || request.signal.aborted) return
      const error = toGatewayError(thrown)
      if (error.code === 'internal') {
        const { method, path } = request
        options.log.error('A request failed because of a bug.', thrown, { method, path })
      }
      if (reply.hasStarted) reply.break()
      else answer(request, reply, error)
    }
  }
}

function route(request: ClientRequest, reply: Reply, { proxy, control }: DispatchOptions): Promise<void> {
  const { method, path } = request
  if (isClients(path)) return proxy(request, reply)
  const { path: within } = splitPool(path)
  if (within === '/' && (method === 'GET' || method === 'HEAD')) return greet(reply)
  if (within === '/api/hello' && method === 'HEAD') return greet(reply)
  return control(request, reply)
}

/** What clients ask of their provider; of what lies under /api only what is the provider's own API. */
function isClients(whole: string): boolean {
  const { path } = splitPool(whole)
  return path.startsWith('/v1/') || isIdentity(path)
}

/** Clients warm their connection up with a HEAD before each session (`wire.md` §3.1). */
async function greet(reply: Reply): Promise<void> {
  const body = Buffer.from('Spillway is running. Point your client’s base URL here.\n')
  reply.start(200, [['content-type', 'text/plain; charset=utf-8']], body.length)
  reply.end(body)
}

function assertNetwork(request: ClientRequest, admits: ReturnType<DispatchOptions['admits']>): void {
  if (admits === undefined || admits(request.peer)) return
  throw new GatewayError(
    'forbidden',
    `Clients at ${request.peer} may not use this gateway. If they should, add their network to the setting allowedNetworks.`,
  )
}

function assertOrigin({ headers, method, path }: ClientRequest, policy: OriginPolicy): void {
  switch (checkOrigin(headers, policy, method === 'GET' && isPage(path))) {
    case 'ok':
      return
    case 'bad-host':
      throw new GatewayError('bad-request', 'The Host header is missing, repeated or malformed.')
    case 'foreign-host':
      throw new GatewayError(
        'misdirected',
        'This gateway does not answer to that Host. If it should, add the name to the setting allowedHosts.',
      )
    case 'foreign-origin':
      throw new GatewayError(
        'forbidden',
        'A page of another origin may not call this gateway. If it should, add the origin to the setting allowedOrigins.',
      )
  }
}

/** A tunnel, or to be shown one's request, and with it the credential that an account would add. */
const NEVER_SERVED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK'])

function assertMethod({ method }: ClientRequest): void {
  if (NEVER_SERVED.has(method)) throw new GatewayError('method-not-allowed', `${method} is not served.`)
}

/** Two spellings of one path are how doors are walked around: only the plain one is taken. */
const AMBIGUOUS = /\/\/|\/\.{1,2}(?:\/|$)|\\|;|%2f|%5c|%2e|%00/i

function assertPath({ path }: ClientRequest): void {
  if (AMBIGUOUS.test(path)) throw new GatewayError('bad-request', 'The path is not in its plain form.')
}

/** In the dialect of whoever asked: clients of /v1 read Anthropic's envelope, everybody else the API's. */
function answer({ path }: ClientRequest, reply: Reply, { code, message }: GatewayError): void {
  const status = STATUS_OF[code]
  const isOfClient = isClients(path)
  const text = isOfClient
    ? writeErrorEnvelope(status, message, undefined)
    : JSON.stringify({ error: { code, message } })
  const body = Buffer.from(text)
  const protective = isOfClient ? [] : PROTECTIVE_HEADERS
  reply.start(status, [['content-type', 'application/json'], ...protective], body.length)
  reply.end(body)
}
