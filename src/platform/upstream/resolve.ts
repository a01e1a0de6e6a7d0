/**
 * Names to addresses, remembered for a short while, one question at a time for each name.
 * What an upstream's name leads to is checked here, after resolving, so that a name cannot
 * be turned to a forbidden address between the check and the connection.
 */
import { isIP } from 'node:net'
import { blockedReason } from '../../core/address.ts'
import type { Cause } from '../../core/failure.ts'

export type Resolved =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'fault'; readonly cause: Cause; readonly detail: string }

export interface Resolver {
  resolve(host: string): Promise<Resolved>
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
  return {
    async resolve(host) {
      const known = entries.get(host)
      const entry = known !== undefined && known.until > elapsed() ? known : ask(host)
      const resolved = await entry.answer
      return resolved.kind === 'addresses' && !allowedHosts().includes(host)
        ? checked(host, resolved.addresses)
        : resolved
    },
  }
}

async function lookUp(host: string, lookup: (host: string) => Promise<readonly string[]>): Promise<Resolved> {
  const literal = host.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0) return { kind: 'addresses', addresses: [literal] }
  try {
    const addresses = await lookup(host)
    if (addresses.length > 0) return { kind: 'addresses', addresses }
  } catch {
    // said below: every way of not finding a name has the same consequence
  }
  return { kind: 'fault', cause: 'dns-failed', detail: `The name ${host} was not found.` }
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
