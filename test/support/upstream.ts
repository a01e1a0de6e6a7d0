/** The gateway’s way to a provider on its own, with names that lead where a test wants. */
import type { Sent } from '../../src/core/ports/upstream.ts'
import { createResolver } from '../../src/platform/upstream/resolve.ts'
import { createUpstream } from '../../src/platform/upstream/upstream.ts'

export interface SendPlan {
  readonly host: string
  readonly port: number
  readonly connectMs?: number
  readonly lookup: (host: string) => Promise<readonly string[]>
}

/** One GET over a connection of its own. */
export async function sendOver({ host, port, connectMs = 2_000, lookup }: SendPlan): Promise<Sent> {
  const elapsed = () => performance.now()
  const upstream = createUpstream({
    resolver: createResolver({ elapsed, allowedHosts: () => [], lookup }),
    egress: () => undefined,
    elapsed,
  })
  const sent = await upstream.send(
    {
      endpoint: { isSecure: false, host, port, path: '' },
      method: 'GET',
      target: '/v1/models',
      headers: [],
      body: new Uint8Array(0),
      fresh: false,
    },
    { connectMs, headersMs: 2_000, idleMs: 2_000 },
    new AbortController().signal,
  )
  upstream.close()
  return sent
}
