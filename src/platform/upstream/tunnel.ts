/**
 * What the dialects in which a proxy is asked for a tunnel have in common: talks that say
 * what to send next and hear what the proxy answers, in pieces of any size. Types only.
 */

/** Where the tunnel is to lead. The proxy resolves the name; nobody here asks for it. */
export interface TunnelGoal {
  /** An IPv6 address stands in brackets, as in URLs. */
  readonly host: string
  readonly port: number
}

export interface TunnelTalk {
  begin(): TunnelStep
  /** The next bytes from the proxy; not to be called after the tunnel was opened or refused. */
  hear(bytes: Uint8Array): TunnelStep
}

export type TunnelStep =
  /** More must come; `send` goes first, and may be empty. */
  | { readonly kind: 'wait'; readonly send: Uint8Array }
  | { readonly kind: 'open' }
  /** What the proxy did, to be read after its name. Never holds a credential. */
  | { readonly kind: 'refused'; readonly words: string }
