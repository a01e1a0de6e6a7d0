/**
 * Whether an endpoint is reached through a proxy of the network's, as the usual environment
 * variables say (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). Reads what it is given, no environment.
 */
import { isLoopbackHost } from '../../core/access.ts'
import type { Endpoint } from '../../core/ports/upstream.ts'

export interface EgressProxy {
  readonly host: string
  readonly port: number
  /** For `proxy-authorization`; undefined without credentials in the URL. */
  readonly authorization: string | undefined
}

export type EgressRules = (endpoint: Endpoint) => EgressProxy | undefined

export function createEgressRules(environment: Readonly<Record<string, string | undefined>>): EgressRules {
  const value = (name: string) => environment[name.toLowerCase()] ?? environment[name] ?? ''
  const secure = parseProxy(value('HTTPS_PROXY'))
  const plain = parseProxy(value('HTTP_PROXY'))
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

function parseProxy(text: string): EgressProxy | undefined {
  if (text === '') return undefined
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (url === null || url.protocol !== 'http:') return undefined
  const user = `${decoded(url.username)}:${decoded(url.password)}`
  return {
    host: url.hostname,
    port: url.port === '' ? 80 : Number(url.port),
    authorization: url.username === '' ? undefined : `Basic ${Buffer.from(user).toString('base64')}`,
  }
}

/** A percent sign that stands for itself is common in passwords that were never encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** "*", a host, a domain with or without its leading dot, each with or without a port. */
function matches(entry: string, { host, port }: Endpoint): boolean {
  if (entry === '*') return true
  const [, name = '', wanted] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(entry) ?? []
  if (wanted !== undefined && Number(wanted) !== port) return false
  const domain = name.replace(/^\*?\./, '')
  return host === domain || host.endsWith(`.${domain}`)
}
