/**
 * Names to addresses, remembered for a short while, one question at a time for each name.
 * What an upstream's name leads to is checked here, after resolving, so that a name cannot
 * be turned to a forbidden address between the check and the connection.
 */
import { isIP } from 'node:net'
import { blockedReason } from '../../core/address.ts'
import type { Cause } from '../../core/failure.ts'

export type Resolved = { readonly kind: 'addresses'; readonly addresses: readonly string[] } | ResolveFault

export interface ResolveFault {
  readonly kind: 'fault'
  readonly cause: Cause
  readonly detail: string
}

export interface Resolver {
  resolve(host: string): Promise<Resolved>
  /**
   * Why a host must not be asked for by way of a proxy. Names are the proxy's to look up, and
   * asking for them here would tell others of them, so only addresses are checked.
   */
  refusalByProxy(host: string): ResolveFault | undefined
}

export interface ResolverOptions {
  readonly elapsed: () => number
  /** Hosts whose addresses are not checked, because the operator named them. */
  readonly allowedHosts: () => readonly string[]
  /** For tests; otherwise the system's resolver. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
}

const FOUND_MS = 30_000
const NOT_FOUND_MS = 3_000
const MOST_NAMES = 1_000

interface Entry {
  readonly answer: Promise<Resolved>
  /** In `elapsed` time; Infinity while the question is open. */
  until: number
}

export function createResolver(options: ResolverOptions): Resolver {
  const { elapsed, allowedHosts, lookup = systemLookup } = options
  const entries = new Map<string, Entry>()

  const ask = (host: string): Entry => {
    const entry: Entry = { answer: lookUp(host, lookup), until: Number.POSITIVE_INFINITY }
    void entry.answer.then(({ kind }) => {
      entry.until = elapsed() + (kind === 'addresses' ? FOUND_MS : NOT_FOUND_MS)
    })
    if (entries.size >= MOST_NAMES) entries.clear()
    entries.set(host, entry)
    return entry
  }
  const check = (host: string, addresses: readonly string[]): Resolved =>
    allowedHosts().includes(host) ? { kind: 'addresses', addresses } : checked(host, addresses)
  return {
    async resolve(host) {
      const known = entries.get(host)
      const entry = known !== undefined && known.until > elapsed() ? known : ask(host)
      const resolved = await entry.answer
      return resolved.kind === 'addresses' ? check(host, resolved.addresses) : resolved
    },
    refusalByProxy(host) {
      const literal = literalOf(host)
      const result = literal === undefined ? undefined : check(host, [literal])
      return result?.kind === 'fault' ? result : undefined
    },
  }
}

async function lookUp(host: string, lookup: (host: string) => Promise<readonly string[]>): Promise<Resolved> {
  const literal = literalOf(host)
  if (literal !== undefined) return { kind: 'addresses', addresses: [literal] }
  try {
    const addresses = await lookup(host)
    if (addresses.length > 0) return { kind: 'addresses', addresses }
  } catch {
    // said below: every way of not finding a name has the same consequence
  }
  return { kind: 'fault', cause: 'dns-failed', detail: `The name ${host} was not found.` }
}

/** URLs write IPv6 addresses in brackets. */
function literalOf(host: string): string | undefined {
  const bare = host.replace(/^\[|\]$/g, '')
  return isIP(bare) === 0 ? undefined : bare
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await Bun.dns.lookup(host)
  return found.map(({ address }) => address)
}

function checked(host: string, addresses: readonly string[]): Resolved {
  const allowed = addresses.filter((address) => blockedReason(address) === undefined)
  if (allowed.length > 0) return { kind: 'addresses', addresses: allowed }
  const why = blockedReason(addresses[0] ?? '') ?? 'not allowed'
  return {
    kind: 'fault',
    cause: 'blocked-address',
    detail: `${host} leads to ${why}. If that is meant, add the host to the setting allowedUpstreamHosts.`,
  }
}
