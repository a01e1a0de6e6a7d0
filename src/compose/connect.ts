/**
 * A command's way to the gateway: over HTTP to the server whose note stands in the data
 * directory, or, where none runs, straight to the same API in the command's own process.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Transport } from '../api/client.ts'
import { CommandError, type ConnectOptions, EXIT } from '../cli/shell.ts'
import { GatewayError } from '../core/error.ts'
import { readServerNote, type ServerNote } from '../platform/data-directory.ts'
import { openFoundation } from './foundation.ts'
import { createGateway } from './gateway.ts'
import type { Places } from './places.ts'

export interface Connection {
  readonly transport: Transport
  /** The running server's address; undefined when there is none. */
  readonly url: string | undefined
  close(): Promise<void>
}

/** The server is said to run and does not answer. */
export class ServerUnreachable extends Error {
  constructor(note: ServerNote, cause: unknown) {
    super(
      `The server at ${note.url} (process ${note.pid}) does not answer. Is it overloaded, or about to stop?`,
      { cause },
    )
    this.name = 'ServerUnreachable'
  }
}

const ANSWER_MS = 60_000
const HELLO_MS = 2_000
/** Another command has the data directory for a moment; a server has it for good, and says where it is. */
const PATIENCE_MS = 5_000
const PAUSE_MS = 50

export async function connect(
  places: Places,
  environment: Readonly<Record<string, string | undefined>>,
  { mayCreate = false }: ConnectOptions = {},
): Promise<Connection> {
  const { dataDirectory, isDataDirectoryNamed } = places
  if (!mayCreate && isDataDirectoryNamed === true && !existsSync(dataDirectory))
    throw new CommandError(EXIT.notFound, `There is no data directory ${dataDirectory}.`)
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await connectNow(places, environment)
    } catch (error) {
      if (!isTaken(error) || performance.now() > deadline) throw error
      await Bun.sleep(PAUSE_MS)
    }
  }
}

const isTaken = (error: unknown): boolean => error instanceof GatewayError && error.code === 'conflict'

async function connectNow(
  places: Places,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Connection> {
  const note = readServerNote(places.dataDirectory)
  if (note === undefined || !isAlive(note.pid)) return local(places, environment)
  const problem = await greet(note)
  if (problem === undefined) return remote(note, places)
  // After a crash the number may belong to another process by now: then the directory is free.
  try {
    return await local(places, environment)
  } catch (error) {
    if (isTaken(error)) throw new ServerUnreachable(note, problem)
    throw error
  }
}

async function greet({ url }: ServerNote): Promise<unknown> {
  try {
    await fetch(`${url}/health`, { ...ownCertificate(url), signal: AbortSignal.timeout(HELLO_MS) })
    return undefined
  } catch (error) {
    return error
  }
}

/** The address is this machine's own; the certificate is for the names that others use. */
const ownCertificate = (url: string): { readonly tls?: { readonly rejectUnauthorized: false } } =>
  url.startsWith('https:') ? { tls: { rejectUnauthorized: false } } : {}

function remote(note: ServerNote, { dataDirectory }: Places): Connection {
  const token = readFileSync(join(dataDirectory, 'admin.token'), 'utf8').trim()
  return {
    url: note.url,
    async transport(path, init) {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${token}`)
      const mayTakeLong = /\/stream(?:\?|$)/.test(path) || path.startsWith('/api/maintenance/')
      try {
        return await fetch(`${note.url}${path}`, {
          ...init,
          headers,
          ...ownCertificate(note.url),
          ...(mayTakeLong ? {} : { signal: AbortSignal.timeout(ANSWER_MS) }),
        })
      } catch (error) {
        throw new ServerUnreachable(note, error)
      }
    },
    close: async () => {},
  }
}

async function local(
  places: Places,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Connection> {
  const foundation = await openFoundation({
    ...places,
    flags: {},
    environment,
    isTerminal: true,
    writeLog: () => {},
    keepsLogFile: false,
  })
  const gateway = createGateway(foundation, { environment, logLinesDropped: () => 0 })
  return {
    url: undefined,
    transport(path, init) {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${gateway.adminToken}`)
      return gateway.app(new Request(`http://gateway${path}`, { ...init, headers }), 'local')
    },
    close: gateway.close,
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
