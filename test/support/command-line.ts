/**
 * The real command line as child processes, as people start it: `node bin/spillway.mjs …`, or
 * through npm. Every output is searched for credentials before a test sees it (G5).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { cleanEnvironment, ROOT } from './gateway-process.ts'
import { openWorld, type World } from './world.ts'

export interface Ran {
  readonly code: number
  /** Standard output and standard error. */
  readonly out: string
  readonly err: string
  /** Standard output as JSON. */
  json<T>(): T
}

export interface RunOptions {
  /** Goes to standard input, which is empty otherwise. */
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly through?: 'launcher' | 'npm'
  /** Where it is started; the repository otherwise. */
  readonly cwd?: string
}

/** Everything that the command line could find is in this directory and nowhere else. */
function environmentIn(
  directory: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const places = {
    XDG_DATA_HOME: join(directory, 'data-home'),
    XDG_CONFIG_HOME: join(directory, 'config-home'),
  }
  return { ...cleanEnvironment(directory, { ...places, TMPDIR: tmpdir(), NO_PROXY: '*', ...more }) }
}

const LAUNCHERS = {
  launcher: ['node', join(ROOT, 'bin', 'spillway.mjs')],
  npm: ['npm', 'run', '-s', 'spillway', '--'],
} as const

const commandOf = (through: RunOptions['through'] = 'launcher'): readonly string[] => LAUNCHERS[through]

/** Runs a command on a data directory to its end. */
export function spillway(
  directory: string,
  words: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const { environment = {}, ...rest } = options
  return bareSpillway(directory, words, {
    ...rest,
    environment: { SPILLWAY_DATA_DIR: join(directory, 'data'), ...environment },
  })
}

/** The same without saying where the data are. */
export async function bareSpillway(
  directory: string,
  words: readonly string[],
  { input = '', environment = {}, through, cwd = ROOT }: RunOptions = {},
): Promise<Ran> {
  const child = Bun.spawn([...commandOf(through), ...words], {
    cwd,
    env: environmentIn(directory, environment),
    stdin: Buffer.from(input),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  assertNoCanary(words, `${out}${err}`)
  return { code, out, err, json: () => JSON.parse(out) }
}

/** Starts a command and waits for nothing. */
export const startSpillway = (directory: string, words: readonly string[]) =>
  Bun.spawn([...commandOf(), ...words], {
    cwd: ROOT,
    env: environmentIn(directory, { SPILLWAY_DATA_DIR: join(directory, 'data') }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** A line of bash, run in the repository. */
async function shellLine(directory: string, line: string): Promise<Ran> {
  const child = Bun.spawn(['bash', '-o', 'pipefail', '-c', line], {
    cwd: ROOT,
    env: environmentIn(directory, { SPILLWAY_DATA_DIR: join(directory, 'data') }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  assertNoCanary([line], `${out}${err}`)
  return { code, out, err, json: () => JSON.parse(out) }
}

function assertNoCanary(words: readonly string[], text: string): void {
  if (text.includes('CANARY')) throw new Error(`"${words.join(' ')}" shows a credential: ${text}`)
}

/** A place for commands: a data directory with or without a running server, and a provider. */
export interface Place {
  readonly isRunning: boolean
  readonly directory: string
  readonly dataDirectory: string
  readonly simulator: Simulator
  /** Only where a server runs. */
  readonly world: World
  run(words: string | readonly string[], options?: RunOptions): Promise<Ran>
  /** A line of bash, run in the repository: for pipes and redirections. */
  shell(line: string): Promise<Ran>
  /** Adds an account that the simulated provider serves, its key on standard input. */
  addAccount(name: string, ...more: readonly string[]): Promise<Ran>
  /** Ends the server, and the provider with it; the data stay. */
  stopServer(): Promise<void>
  stop(): Promise<void>
}

export const temporaryDirectory = (): string => mkdtempSync(join(tmpdir(), 'spillway-cli-'))

export async function openPlace(isRunning: boolean): Promise<Place> {
  const directory = temporaryDirectory()
  const dataDirectory = join(directory, 'data')
  const world = isRunning ? await openWorld({ accounts: [], dataDirectory }) : undefined
  const simulator = world?.simulator ?? startSimulator()
  let isStopped = false
  const place: Place = {
    isRunning,
    directory,
    dataDirectory,
    simulator,
    get world() {
      if (world === undefined) throw new Error('No server runs in this place.')
      return world
    },
    run: (words, options) =>
      spillway(directory, typeof words === 'string' ? words.split(' ') : words, options),
    shell: (line) => shellLine(directory, line),
    addAccount(name, ...more) {
      const words = ['accounts', 'add', name, '--provider', 'console', '--base-url', simulator.url]
      return place.run([...words, '--api-key-stdin', ...more], { input: `CANARY-${name}\n` })
    },
    async stopServer() {
      if (isStopped) return
      isStopped = true
      if (world === undefined) simulator.stop()
      else await world.stop()
    },
    async stop() {
      await place.stopServer()
      assertNothingInPlainSight(directory)
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return place
}

/** No command may leave a credential in a file. */
function assertNothingInPlainSight(directory: string): void {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file, 'latin1').includes('CANARY-'))
  if (found.length > 0) throw new Error(`A credential stands in plain sight in: ${found.join(', ')}.`)
}
