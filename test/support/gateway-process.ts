/**
 * The gateway as a process of its own, for tests that kill it, measure it or start it as
 * people do. Whatever is started here ends with the test process at the latest: the gateway
 * watches the process that launched it.
 */
import { join } from 'node:path'
import { type Client, createClient, type Transport } from '../../src/api/client.ts'
import { readServerNote } from '../../src/platform/data-directory.ts'
import { eventually } from './world.ts'

export interface GatewayProcess {
  readonly pid: number
  readonly url: string
  /** From its start to its first answer. */
  readonly startedInMs: number
  readonly api: Client
  /** As the admin, at any path. */
  readonly admin: Transport
  /** What it has printed. */
  readonly output: () => Promise<string>
  /** Ends it without a word and waits until it is gone. */
  kill(): Promise<void>
  /** Asks it to end and waits for its exit code. */
  stop(): Promise<number>
}

export interface GatewayProcessOptions {
  readonly dataDirectory: string
  readonly environment?: Readonly<Record<string, string>>
  /** Goes before the program, to limit it: `['prlimit', '--nofile=64']`. */
  readonly prefix?: readonly string[]
}

export const ROOT = join(import.meta.dir, '..', '..')

/** What a child needs of our environment, and nothing that could configure it. */
export const cleanEnvironment = (
  home: string,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> => ({ PATH: process.env.PATH ?? '', HOME: home, ...more })

/** Starts it and waits until it answers. Throws with its output when it ends instead. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const { dataDirectory } = options
  const startedAt = performance.now()
  const child = spawnGateway(options)
  const output = new Response(child.stdout).text()
  try {
    const url = await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`The gateway ended by itself: ${await output}`)
      const note = readServerNote(dataDirectory)
      return note?.pid === child.pid && (await isAnswering(note.url)) ? note.url : undefined
    }, 'the gateway to start')
    const startedInMs = performance.now() - startedAt
    const token = await Bun.file(join(dataDirectory, 'admin.token')).text()
    const admin: Transport = (path, init) => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${token.trim()}`)
      return fetch(`${url}${path}`, { ...init, headers })
    }
    return {
      pid: child.pid,
      url,
      startedInMs,
      api: createClient(admin),
      admin,
      output: () => output,
      async kill() {
        child.kill('SIGKILL')
        await child.exited
      },
      stop() {
        child.kill('SIGTERM')
        return child.exited
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    await child.exited
    throw error
  }
}

/** Starts it and waits for nothing. */
export function spawnGateway({ dataDirectory, environment = {}, prefix = [] }: GatewayProcessOptions) {
  const words = [...['serve', '--port', '0', '--data-dir', dataDirectory]]
  return Bun.spawn([...prefix, process.execPath, join(ROOT, 'src', 'main.ts'), ...words], {
    cwd: dataDirectory,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: cleanEnvironment(dataDirectory, {
      SPILLWAY_LAUNCHER_PID: String(process.pid),
      SPILLWAY_DRAIN_MS: '0',
      ...environment,
    }),
  })
}

async function isAnswering(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok
  } catch {
    return false
  }
}
