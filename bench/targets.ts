/**
 * What the requests go through: nothing at all, Spillway with everything on, nginx and HAProxy
 * set up to do comparable work. Each can be started as often as needed, in a directory of its
 * own. To compare with another proxy, add a row to `TARGETS`.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, launch } from './processes.ts'
import { processTree } from './procfs.ts'
import type { Destination } from './protocol.ts'
import { haproxyConfig, nginxConfig, type ProxyConfig } from './proxy-configs.ts'
import { openSpillway, spillwayLaunch } from './spillway.ts'

export type TargetName = 'direct' | 'spillway' | 'nginx' | 'haproxy'

export interface Target {
  readonly name: TargetName
  readonly to: Destination
  /** The root of its processes; undefined when there is none. */
  readonly pid: number | undefined
  stop(): Promise<void>
}

export interface Surroundings {
  readonly upstreamPort: number
  readonly proxyCore: number | undefined
}

interface TargetRow {
  readonly label: string
  /** Its first process only watches the others, and its memory is left out. */
  readonly hasMaster?: boolean
  /** The program that must be on the path. */
  readonly program: string | undefined
  start(surroundings: Surroundings, directory: string): Promise<Target>
}

export const TARGETS: Readonly<Record<TargetName, TargetRow>> = {
  direct: {
    label: 'direct',
    program: undefined,
    start: async ({ upstreamPort }) => ({
      name: 'direct',
      to: { port: upstreamPort, key: OTHER_KEY },
      pid: undefined,
      stop: async () => {},
    }),
  },
  spillway: { label: 'Spillway', program: undefined, start: startSpillway },
  nginx: {
    label: 'nginx',
    hasMaster: true,
    program: 'nginx',
    start: (surroundings, directory) =>
      startProxy('nginx', surroundings, {
        directory,
        config: nginxConfig,
        command: (file) => ['nginx', '-p', directory, '-e', 'error.log', '-c', file],
      }),
  },
  haproxy: {
    label: 'HAProxy',
    program: 'haproxy',
    start: (surroundings, directory) =>
      startProxy('haproxy', surroundings, {
        directory,
        config: haproxyConfig,
        command: (file) => ['haproxy', '-db', '-f', file],
      }),
  },
}

export const TARGET_NAMES: readonly TargetName[] = ['direct', 'spillway', 'nginx', 'haproxy']

/** The processes that serve requests. */
export function workersOf({ name, pid }: Target): readonly number[] {
  const tree = pid === undefined ? [] : processTree(pid)
  return TARGETS[name].hasMaster === true ? tree.slice(1) : tree
}

export const isInstalled = (name: TargetName): boolean => {
  const { program } = TARGETS[name]
  return program === undefined || Bun.which(program) !== null
}

/** As long as a key of Spillway, so that all requests have the same length. */
const OTHER_KEY = `spk_${'x'.repeat(43)}`

const START_LIMIT_MS = 15_000

async function startSpillway({ upstreamPort, proxyCore }: Surroundings, directory: string): Promise<Target> {
  mkdirSync(directory, { recursive: true })
  const port = freePort()
  const child = launch(spillwayLaunch({ directory, port, core: proxyCore }))
  await accepting(port, child, directory)
  const key = await openSpillway({ directory, port, upstreamPort })
  return { name: 'spillway', to: { port, key }, pid: child.pid, stop: child.stop }
}

interface ProxyOptions {
  readonly directory: string
  readonly config: (options: ProxyConfig) => string
  readonly command: (configFile: string) => readonly string[]
}

async function startProxy(
  name: TargetName,
  { upstreamPort, proxyCore }: Surroundings,
  { directory, config, command }: ProxyOptions,
): Promise<Target> {
  mkdirSync(directory, { recursive: true })
  const port = freePort()
  const file = join(directory, `${name}.conf`)
  await Bun.write(file, config({ port, upstreamPort, directory, isRoot: process.getuid?.() === 0 }))
  const child = launch({ command: command(file), core: proxyCore, logFile: join(directory, 'output.log') })
  await accepting(port, child, directory)
  return { name, to: { port, key: OTHER_KEY }, pid: child.pid, stop: child.stop }
}

/** A port that nobody listens on now. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
  const { port } = listener
  listener.stop(true)
  return port
}

/** Resolves when something accepts connections on the port; tells in milliseconds of `performance.now()` when. */
export async function accepting(port: number, child: Child, directory: string): Promise<number> {
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline && !child.hasExited()) {
    if (await accepts(port)) return performance.now()
    await Bun.sleep(1)
  }
  const words = await Bun.file(join(directory, 'output.log.err')).text()
  throw new Error(`A proxy did not start. It said: ${words.trim().slice(-500)}`)
}

async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: { data: () => {}, error: () => {} },
    })
    socket.end()
    return true
  } catch {
    return false
  }
}

export const isTarget = (name: string): name is TargetName => TARGET_NAMES.some((each) => each === name)
