/**
 * Which proxy an endpoint is reached through: a request's own where it has one, otherwise as
 * the usual environment variables say (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). Reads what it is
 * given, no environment; what it makes of credentials is for memory only.
 */
import { isLoopbackHost } from '../../core/access.ts'
import {
  type ProxyAddress,
  type ProxyCredentials,
  parseProxy,
  proxyProblem,
} from '../../core/egress-proxy.ts'
import type { Endpoint } from '../../core/ports/upstream.ts'

export interface EgressProxy extends ProxyAddress {
  /** For `proxy-authorization`; undefined without credentials. */
  readonly authorization: string | undefined
  /** Its text, credentials included: connections through it are used for nothing else. Never to be shown. */
  readonly key: string
}

export type EgressRules = (endpoint: Endpoint) => EgressProxy | undefined

/** A proxy that was asked for and cannot be used, with a sentence why. Nothing may go past it. */
export interface UnusableProxy {
  readonly kind: 'unusable'
  readonly problem: string
}

export type OwnProxies = (text: string) => EgressProxy | UnusableProxy

const MOST_OWN_PROXIES = 1_000

/** Reads the proxies that requests bring with them, each once. */
export function createOwnProxies(): OwnProxies {
  const known = new Map<string, EgressProxy | UnusableProxy>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const problem = proxyProblem(text)
    const read = problem === undefined ? toEgressProxy(text) : undefined
    const proxy = read ?? { kind: 'unusable', problem: problem ?? 'The proxy cannot be read.' }
    if (known.size >= MOST_OWN_PROXIES) known.clear()
    known.set(text, proxy)
    return proxy
  }
}

/** An endpoint as messages name it: with the proxy on the way to it. */
export const nameOfWay = (host: string, proxy: EgressProxy | undefined): string =>
  proxy === undefined ? host : `${host} by way of the proxy ${proxy.host}`

export function createEgressRules(environment: Readonly<Record<string, string | undefined>>): EgressRules {
  const value = (name: string) => environment[name.toLowerCase()] ?? environment[name] ?? ''
  const secure = fromVariable(value('HTTPS_PROXY'))
  const plain = fromVariable(value('HTTP_PROXY'))
  const exceptions = value('NO_PROXY')
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
  return (endpoint) => {
    if (isLoopbackHost(endpoint.host)) return undefined
    const proxy = endpoint.isSecure ? secure : plain
    return proxy === undefined || exceptions.some((entry) => matches(entry, endpoint)) ? undefined : proxy
  }
}

function fromVariable(value: string): EgressProxy | undefined {
  const text = value.trim()
  return toEgressProxy(text.includes('://') ? text : `http://${text}`)
}

function toEgressProxy(text: string): EgressProxy | undefined {
  const proxy = parseProxy(text)
  return proxy && { ...proxy, authorization: basic(proxy.credentials), key: text }
}

function basic(credentials: ProxyCredentials | undefined): string | undefined {
  if (credentials === undefined) return undefined
  return `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
}

/** "*", a host, a domain with or without its leading dot, each with or without a port. */
function matches(entry: string, { host, port }: Endpoint): boolean {
  if (entry === '*') return true
  const [, name = '', wanted] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(entry) ?? []
  if (wanted !== undefined && Number(wanted) !== port) return false
  const domain = name.replace(/^\*?\./, '')
  return host === domain || host.endsWith(`.${domain}`)
}
