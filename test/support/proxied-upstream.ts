/**
 * The gateway’s way to a provider where nothing but the proxies has a name here: whoever asks
 * for another name is on record. As a program, it sends what its argument says and prints what
 * came of it: trust in an authority is given to a process when it starts (NODE_EXTRA_CA_CERTS).
 */
import { tmpdir } from 'node:os'
import type { Sent, UpstreamLimits } from '../../src/core/ports/upstream.ts'
import { createEgressRules } from '../../src/platform/upstream/egress.ts'
import { createResolver } from '../../src/platform/upstream/resolve.ts'
import { createUpstream } from '../../src/platform/upstream/upstream.ts'
import { cleanEnvironment } from './gateway-process.ts'
import { PROXY_HOST } from './proxies.ts'

export interface Sending {
  readonly proxy?: string
  readonly host?: string
  readonly port: number
  readonly isSecure?: boolean
  readonly body?: string
}

export interface ProxiedUpstream {
  send(sending: Sending, limits?: Partial<UpstreamLimits>, signal?: AbortSignal): Promise<Sent>
  /** Sends, and reads the answer to its end, so that its connection is free again. */
  ask(sending: Sending): Promise<Outcome>
  readonly askedNames: readonly string[]
  close(): void
}

export interface Outcome {
  readonly status?: number
  readonly cause?: string
  readonly detail?: string
}

export interface ProxiedOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly allowedHosts?: readonly string[]
}

export function proxiedUpstream({
  environment = {},
  allowedHosts = [],
}: ProxiedOptions = {}): ProxiedUpstream {
  const askedNames: string[] = []
  const elapsed = () => performance.now()
  const lookup = async (host: string): Promise<readonly string[]> => {
    askedNames.push(host)
    return host === PROXY_HOST ? ['127.0.0.1'] : []
  }
  const upstream = createUpstream({
    resolver: createResolver({ elapsed, allowedHosts: () => allowedHosts, lookup }),
    egress: createEgressRules(environment),
    elapsed,
  })
  const send: ProxiedUpstream['send'] = (sending, limits = {}, signal = new AbortController().signal) => {
    const { proxy, host = 'provider.test', port, isSecure = false, body } = sending
    return upstream.send(
      {
        endpoint: { isSecure, host, port, path: '' },
        method: body === undefined ? 'GET' : 'POST',
        target: body === undefined ? '/v1/models' : '/v1/messages',
        headers: [],
        body: Buffer.from(body ?? ''),
        ...(proxy === undefined ? {} : { proxy }),
        fresh: false,
      },
      { connectMs: 5_000, headersMs: 5_000, idleMs: 5_000, ...limits },
      signal,
    )
  }
  return {
    send,
    ask: async (sending) => outcomeOf(await send(sending)),
    askedNames,
    close: upstream.close,
  }
}

async function outcomeOf(sent: Sent): Promise<Outcome> {
  if (sent.kind === 'aborted') return {}
  if (sent.kind === 'fault') return { cause: sent.fault.cause, detail: sent.fault.detail }
  while ((await sent.answer.body.read()) instanceof Uint8Array);
  return { status: sent.answer.status }
}

/** What becomes of these, each after the other, in a process that trusts the authority in the file. */
export async function askTrusting(
  authority: string,
  sendings: readonly Sending[],
): Promise<readonly Outcome[]> {
  const child = Bun.spawn([process.execPath, import.meta.path, JSON.stringify(sendings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: cleanEnvironment(tmpdir(), { NODE_EXTRA_CA_CERTS: authority }),
  })
  return JSON.parse(await new Response(child.stdout).text())
}

if (import.meta.main) {
  const upstream = proxiedUpstream()
  const outcomes: Outcome[] = []
  for (const sending of JSON.parse(process.argv[2] ?? '[]')) outcomes.push(await upstream.ask(sending))
  upstream.close()
  process.stdout.write(JSON.stringify(outcomes))
}
