/**
 * The `Upstream` port over our own HTTP/1.1 client (see docs/decisions for why it is ours):
 * resolve, connect or reuse, exchange. Knows no provider and no retry; follows no redirect,
 * decodes nothing, keeps no credential.
 */
import type { Cause } from '../../core/failure.ts'
import type { Headers } from '../../core/headers.ts'
import type { Endpoint, Sent, Upstream, UpstreamLimits, UpstreamRequest } from '../../core/ports/upstream.ts'
import { writeFields } from '../../http1/write.ts'
import {
  createOwnProxies,
  type EgressProxy,
  type EgressRules,
  nameOfWay,
  type OwnProxies,
  type UnusableProxy,
} from './egress.ts'
import { Exchange, isFault } from './exchange.ts'
import { type Caller, isLinkFault, type Link, openLink } from './link.ts'
import { createLinkPool, type LinkPool } from './pool.ts'
import type { Resolver } from './resolve.ts'

export interface UpstreamOptions {
  readonly resolver: Resolver
  readonly egress: EgressRules
  readonly elapsed: () => number
}

export interface ClosableUpstream extends Upstream {
  /** Ends idle connections. */
  close(): void
}

interface Context extends UpstreamOptions {
  readonly pool: LinkPool
  readonly ownProxies: OwnProxies
}

export function createUpstream(options: UpstreamOptions): ClosableUpstream {
  const context: Context = { ...options, pool: createLinkPool(), ownProxies: createOwnProxies() }
  return {
    send: (request, limits, signal) => send(context, request, limits, signal),
    close: context.pool.closeAll,
  }
}

async function send(
  context: Context,
  request: UpstreamRequest,
  limits: UpstreamLimits,
  signal: AbortSignal,
): Promise<Sent> {
  if (signal.aborted) return { kind: 'aborted' }
  const { endpoint } = request
  const proxy = request.proxy === undefined ? context.egress(endpoint) : context.ownProxies(request.proxy)
  if (proxy?.kind === 'unusable') return unusable(endpoint, proxy)
  const key = poolKey(endpoint, proxy)
  const idle = request.fresh ? undefined : context.pool.take(key)
  const link = idle ?? (await connect(context, endpoint, { proxy, connectMs: limits.connectMs, signal }))
  if (link === 'aborted') return { kind: 'aborted' }
  if (isLinkFault(link)) return { kind: 'fault', fault: { ...link, wasStaleConnection: false } }

  const exchange = new Exchange(link, {
    request,
    limits,
    elapsed: context.elapsed,
    isReused: idle !== undefined,
    onDone(done, isReusable, keepAliveMs) {
      signal.removeEventListener('abort', done)
      if (isReusable) context.pool.put(key, link, keepAliveMs)
    },
  })
  signal.addEventListener('abort', exchange)
  const answer = await exchange.start(headOf(request, proxy))
  if (signal.aborted) return { kind: 'aborted' }
  return isFault(answer) ? { kind: 'fault', fault: answer } : { kind: 'answer', answer }
}

/** Links through different proxies, or as different users of one, are never shared. */
function poolKey({ isSecure, host, port }: Endpoint, proxy: EgressProxy | undefined): string {
  const direct = `${isSecure ? 's' : 'p'}:${host}:${port}`
  return proxy === undefined ? direct : `${direct} ${proxy.key}`
}

const unusable = ({ host }: Endpoint, { problem }: UnusableProxy): Sent => ({
  kind: 'fault',
  fault: {
    cause: 'egress-proxy',
    detail: `${host} cannot be reached by way of its proxy. ${problem}`,
    wasStaleConnection: false,
  },
})

interface ConnectOptions {
  readonly proxy: EgressProxy | undefined
  readonly connectMs: number
  readonly signal: AbortSignal
}

/** Everything up to a link that can be written to, within one time limit. What comes too late is closed again. */
function connect(context: Context, endpoint: Endpoint, options: ConnectOptions): Promise<Link | LinkOutcome> {
  const { proxy, connectMs, signal } = options
  const { promise, resolve } = Promise.withResolvers<Link | LinkOutcome>()
  let isAbandoned = false
  let dialed: Link | undefined
  const settle = (outcome: Link | LinkOutcome): void => {
    if (isAbandoned) {
      if (outcome !== 'aborted' && !isLinkFault(outcome)) outcome.terminate()
      return
    }
    isAbandoned = isFailure(outcome)
    // A handshake that stalls would keep the connection for ever.
    if (isAbandoned) dialed?.terminate()
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
    resolve(outcome)
  }
  const leave = (): void => settle('aborted')
  const late = (): void =>
    settle({
      cause: 'connect-timeout',
      detail: `${nameOfWay(endpoint.host, proxy)}: no connection within ${connectMs} ms`,
    })
  const timer = connectMs > 0 ? setTimeout(late, connectMs) : undefined
  signal.addEventListener('abort', leave, { once: true })
  const onDialed = (link: Link): void => {
    dialed = link
    if (isAbandoned) link.terminate()
  }
  void establish(context, endpoint, proxy, { isAbandoned: () => isAbandoned, onDialed }).then(settle)
  return promise
}

type LinkOutcome = { readonly cause: Cause; readonly detail: string } | 'aborted'

const isFailure = (outcome: Link | LinkOutcome): boolean => outcome === 'aborted' || isLinkFault(outcome)

async function establish(
  { resolver }: Context,
  endpoint: Endpoint,
  proxy: EgressProxy | undefined,
  caller: Caller,
): Promise<Link | { readonly cause: Cause; readonly detail: string }> {
  const refusal = proxy === undefined ? undefined : resolver.refusalByProxy(endpoint.host)
  if (refusal !== undefined) return refusal
  const resolved = await resolver.resolve(proxy?.host ?? endpoint.host)
  const { host, port, isSecure } = endpoint
  if (resolved.kind === 'fault')
    return proxy === undefined
      ? resolved
      : { cause: resolved.cause, detail: `${nameOfWay(host, proxy)}: ${resolved.detail}` }
  return openLink({ host, port, isSecure, proxy, addresses: resolved.addresses }, caller)
}

/** RFC 9112 §3.2: a proxy for plain HTTP wants the whole URL; everybody else the path. */
function headOf(
  { method, endpoint, target, headers, body }: UpstreamRequest,
  proxy: EgressProxy | undefined,
): string {
  const isDefaultPort = endpoint.port === (endpoint.isSecure ? 443 : 80)
  const authority = isDefaultPort ? endpoint.host : `${endpoint.host}:${endpoint.port}`
  const isPlainProxy = proxy?.kind === 'http' && !endpoint.isSecure
  const goal = isPlainProxy ? `http://${authority}${endpoint.path}${target}` : `${endpoint.path}${target}`
  const length = body.length > 0 || method === 'POST' || method === 'PUT' || method === 'PATCH'
  const own: Headers = [
    ['host', authority],
    ...(length ? [['content-length', String(body.length)] as const] : []),
    ...(isPlainProxy && proxy.authorization !== undefined
      ? [['proxy-authorization', proxy.authorization] as const]
      : []),
  ]
  return `${method} ${goal} HTTP/1.1\r\n${writeFields(own)}${writeFields(headers)}\r\n`
}
