/** Which networks clients come from, and through which proxies. Declarations only. */
import { setting } from './setting.ts'
import { networks, oneOf } from './values.ts'

export const NETWORK_SETTINGS = {
  trustedProxies: setting(
    'Networks of reverse proxies in front of this gateway whose word on a client’s address is taken; empty: nobody’s.',
    [],
    networks,
    { isHot: true },
  ),
  forwardedHeader: setting(
    'The header in which trusted proxies name the client: x-forwarded-for or forwarded (RFC 7239). The other is never read.',
    'x-forwarded-for',
    oneOf('x-forwarded-for', 'forwarded'),
    { isHot: true },
  ),
  allowedNetworks: setting(
    'Networks whose clients may use this gateway; empty: all. Clients on this machine always may.',
    [],
    networks,
    { isHot: true },
  ),
} as const
