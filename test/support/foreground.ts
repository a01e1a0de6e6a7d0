/**
 * A command that stays in the foreground, started as people start it, with the places it could
 * find all in one directory: what it says, how it ends, and that it is gone with the test.
 */
import { join } from 'node:path'
import { cleanEnvironment, ROOT } from './gateway-process.ts'

export interface Foreground {
  readonly pid: number
  /** What it has said so far, on either output. */
  said(): string
  readonly exited: Promise<number>
  readonly exitCode: number | null
  /** To it and all that it has started, as Ctrl-C on a terminal. */
  signal(signal: NodeJS.Signals): void
  /** To it alone, as `kill` does and a service manager may. */
  signalAlone(signal: NodeJS.Signals): void
}

/** `words` are a program with its arguments, run in the repository. */
export function startForeground(directory: string, words: readonly string[]): Foreground {
  const environment = {
    XDG_DATA_HOME: join(directory, 'data-home'),
    XDG_CONFIG_HOME: join(directory, 'config-home'),
    TMPDIR: directory,
    NO_PROXY: '*',
  }
  const child = Bun.spawn([...words], {
    cwd: ROOT,
    env: cleanEnvironment(directory, environment),
    detached: true,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const pieces: string[] = []
  const collected = [child.stdout, child.stderr].map(async (stream) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) pieces.push(text)
  })
  return {
    pid: child.pid,
    said: () => pieces.join(''),
    exited: Promise.all([child.exited, ...collected]).then(([code]) => code),
    get exitCode() {
      return child.exitCode
    },
    signal(signal) {
      try {
        process.kill(-child.pid, signal)
      } catch {
        // All of them have ended.
      }
    },
    signalAlone: (signal) => child.kill(signal),
  }
}
