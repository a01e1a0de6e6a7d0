/**
 * Starts the processes of a run, each in a group of its own and pinned to its core, and makes
 * sure that none of them outlives the run. Must not know what they are.
 */
import type { Subprocess } from 'bun'

export interface Launch {
  readonly command: readonly string[]
  /** Undefined: wherever the kernel likes. */
  readonly core: number | undefined
  readonly environment?: Readonly<Record<string, string>>
  /** Standard output and error go to this file. */
  readonly logFile: string
}

export interface Child {
  readonly pid: number
  readonly hasExited: () => boolean
  /** Asks it to stop, insists after a while, and waits until it is gone. */
  stop(): Promise<void>
}

/** A child that answers each line of JSON with a line of JSON. */
export interface Speaker extends Child {
  /** The next line that it prints. */
  hear(): Promise<string>
  say(line: string): void
}

const GRACE_MS = 2_000
const children = new Set<Subprocess>()

export const canPin = Bun.which('taskset') !== null

/** The words that run a command on one core. */
const pinned = (command: readonly string[], core: number | undefined): readonly string[] =>
  core === undefined || !canPin ? command : ['taskset', '-c', String(core), ...command]

/** Allows as many open files as the system lets it: every stream takes two of a proxy. */
const unlimited = (command: readonly string[]): string[] => [
  'sh',
  '-c',
  'ulimit -n "$(ulimit -H -n)" 2>/dev/null; exec "$@"',
  'sh',
  ...command,
]

export function launch({ command, core, environment = {}, logFile }: Launch): Child {
  const process = Bun.spawn(unlimited(pinned(command, core)), {
    detached: true,
    env: { ...cleanEnvironment(), ...environment },
    stdin: 'ignore',
    stdout: Bun.file(logFile),
    stderr: Bun.file(`${logFile}.err`),
  })
  return adopt(process)
}

export function launchSpeaker({ command, core }: Pick<Launch, 'command' | 'core'>): Speaker {
  const process = Bun.spawn(unlimited(pinned(command, core)), {
    detached: true,
    env: cleanEnvironment(),
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const lines = linesOf(process.stdout)
  return {
    ...adopt(process),
    async hear() {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${command.at(-1)} has ended unexpectedly.`)
      return value
    },
    say(line) {
      process.stdin.write(`${line}\n`)
      process.stdin.flush()
    },
  }
}

/** The last resort, and the first when the run is interrupted. */
export function killAll(): void {
  for (const child of children) killGroup(child)
}

function adopt(child: Subprocess): Child {
  children.add(child)
  void child.exited.then(() => children.delete(child))
  return {
    pid: child.pid,
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    async stop() {
      child.kill('SIGTERM')
      await Promise.race([child.exited, Bun.sleep(GRACE_MS)])
      killGroup(child)
      await child.exited
    },
  }
}

/** The group, because a master that is killed leaves its workers behind. */
function killGroup({ pid }: Subprocess): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // nobody left in it
  }
}

/** No proxy settings, no Spillway settings, nothing else of the person who runs this. */
const cleanEnvironment = (): Record<string, string> => ({ PATH: process.env.PATH ?? '', LANG: 'C.UTF-8' })

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder()
  let held = ''
  for await (const bytes of stream) {
    const lines = (held + decoder.decode(bytes, { stream: true })).split('\n')
    held = lines.pop() ?? ''
    yield* lines
  }
}
