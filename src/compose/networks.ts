/** Who a client is by its address, and whether its network may come in: the settings, applied. */
import {
  type AddressRange,
  clientAddress,
  isLoopbackAddress,
  isWithin,
  readRange,
} from '../core/address-range.ts'
import type { Headers } from '../core/headers.ts'
import type { Settings } from '../settings.ts'
import { memoized } from './memoized.ts'

export interface Networks {
  /** The address that counts for a connection from `peer`. */
  readonly clientOf: (peer: string, headers: Headers) => string
  /** Whether an address may come in; undefined when all may. */
  readonly admits: ((address: string) => boolean) | undefined
}

export function createNetworks(settings: () => Settings): () => Networks {
  return memoized(settings, ({ trustedProxies, forwardedHeader: header, allowedNetworks }) => {
    const trusted = rangesOf(trustedProxies)
    const allowed = rangesOf(allowedNetworks)
    return {
      clientOf: (peer, headers) => clientAddress(peer, headers, { trusted, header }),
      admits:
        allowed.length === 0
          ? undefined
          : (address) => isLoopbackAddress(address) || isWithin(address, allowed),
    }
  })
}

const rangesOf = (texts: readonly string[]): readonly AddressRange[] =>
  texts.flatMap((text) => readRange(text) ?? [])
