/** A notice for an ntfy server: JSON to its root, the topic in the body. */
import type { ChannelConfig } from '../../core/alerts/channel.ts'
import { type Notice, toNtfyBody } from '../../core/alerts/notice.ts'
import type { Carried } from '../../core/ports/alerts.ts'
import type { Upstream } from '../../core/ports/upstream.ts'
import { post } from './post.ts'

export async function postNtfy(
  notice: Notice,
  { url: text, token }: Extract<ChannelConfig, { readonly kind: 'ntfy' }>,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<Carried> {
  const url = URL.parse(text)
  const [, root, topic] = /^(.*\/)([^/]+)\/?$/.exec(url?.pathname ?? '') ?? []
  if (url === null || root === undefined || topic === undefined)
    return { kind: 'failed', problem: 'The address of an ntfy channel ends with its topic.' }
  const body = toNtfyBody(notice, decodeURIComponent(topic))
  const headers = token === undefined ? [] : [['authorization', `Bearer ${token}`] as const]
  return post({ url: `${url.origin}${root}`, headers, body }, upstream, signal)
}
