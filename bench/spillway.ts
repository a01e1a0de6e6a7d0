/**
 * Spillway as the benchmark runs it: the real program on a data directory of its own, default
 * settings, three accounts and a client key, so that key check, affinity, ledger and cost are
 * all at work.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createClient } from '../src/api/client.ts'
import type { Launch } from './processes.ts'

export const ROOT = dirname(import.meta.dir)
const ACCOUNTS = ['first', 'second', 'third']

export interface SpillwayPlace {
  readonly directory: string
  readonly port: number
  readonly core: number | undefined
}

/** `program` is what comes before `serve`: Bun with the source, unless said otherwise. */
export function spillwayLaunch(
  { directory, port, core }: SpillwayPlace,
  program: readonly string[] = [process.execPath, join(ROOT, 'src', 'main.ts')],
): Launch {
  return {
    command: [...program, 'serve', '--port', String(port), '--data-dir', join(directory, 'data')],
    core,
    // The process is to end when the benchmark does, even when that is killed.
    environment: { HOME: directory, SPILLWAY_LAUNCHER_PID: String(process.pid) },
    logFile: join(directory, 'output.log'),
  }
}

/** Adds accounts that lead to the upstream and creates a key; returns the key's secret. */
export async function openSpillway({
  directory,
  port,
  upstreamPort,
}: Omit<SpillwayPlace, 'core'> & { readonly upstreamPort: number }): Promise<string> {
  const token = readFileSync(join(directory, 'data', 'admin.token'), 'utf8').trim()
  const client = createClient((path, init) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token}`)
    return fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers })
  })
  for (const name of ACCOUNTS) {
    const baseUrl = `http://127.0.0.1:${upstreamPort}`
    await client.addAccount({
      body: { name, provider: 'anthropic-compatible', apiKey: `sk-bench-${name}`, baseUrl },
    })
  }
  const { secret } = await client.createKey({ body: { name: 'bench' } })
  return secret
}
