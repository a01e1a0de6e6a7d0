/**
 * How an account's requests leave this machine, beside its address: a proxy of its own and
 * headers that are added for it. Both may hold secrets, so they are stored sealed, as the
 * text that is written and read here. Must not know how anything is sent.
 */
import type { Headers } from './headers.ts'

export interface AccountNetwork {
  /** "http://…" or "socks5://…", with credentials where it asks for them. */
  readonly proxy?: string
  /** Names in lower case; each takes the place of the client's own of that name. */
  readonly headers?: Readonly<Record<string, string>>
}

export const writeNetwork = (network: AccountNetwork): string => JSON.stringify(network)

/** This program wrote the text itself. */
export const readNetwork = (text: string): AccountNetwork => JSON.parse(text)

export const addedHeaders = ({ headers = {} }: AccountNetwork): Headers => Object.entries(headers)

const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const VALUE = /^[\x20-\x7e\x80-\xff]*$/
/** The connection's, the framing's and the credential's: they are the gateway's own affair. */
const NEVER_ADDED: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'content-length',
  'content-type',
  'content-encoding',
  'accept-encoding',
  'authorization',
  'x-api-key',
  'api-key',
  'cookie',
])
/** They say which client it is, and how it is built; the gateway forwards what the client really sent. */
const CLIENTS_OWN =
  /^(?:user-agent|x-app|anthropic-version|anthropic-beta|x-stainless-.*|x-claude-code-.*|x-spillway-.*)$/

/** Why a header cannot be added for an account, as a sentence; undefined when it can. */
export function headerProblem(name: string, value: string): string | undefined {
  if (!TOKEN.test(name)) return `"${name}" is not a header’s name in lower case.`
  if (NEVER_ADDED.has(name)) return `${name} is set by the gateway itself and cannot be added.`
  if (CLIENTS_OWN.test(name))
    return `${name} says which client a request comes from; the gateway forwards it as the client sent it.`
  return VALUE.test(value) && value.length <= 4_096
    ? undefined
    : `The value of ${name} must be one line of at most 4,096 characters.`
}
