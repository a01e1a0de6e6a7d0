/** `run`: another program with our variables set, and a gateway for as long as it runs. */
import { constants } from 'node:os'
import { createClient } from '../api/client.ts'
import { CommandError, EXIT, type Preparation } from '../cli/shell.ts'
import { messageOf } from '../core/error.ts'
import { connect } from './connect.ts'
import type { Places } from './places.ts'
import { startGateway } from './serve.ts'

export interface RunProgramOptions {
  readonly places: Places
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The program's exit code; 128 and the signal's number when a signal ended it. */
export async function runProgram(
  command: readonly string[],
  prepare: Preparation,
  { places, environment }: RunProgramOptions,
): Promise<number> {
  const { variables, stop } = await findOrStart(prepare, { places, environment })
  // The terminal sends its signals to the program too; it decides, and we end with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child?.kill(signal))
  let child: Bun.Subprocess | undefined
  try {
    child = Bun.spawn([...command], {
      stdio: ['inherit', 'inherit', 'inherit'],
      // Who launched us did not launch the program, which may be a gateway itself.
      env: { ...environment, SPILLWAY_LAUNCHER_PID: undefined, ...variables },
    })
    await child.exited
    return child.exitCode ?? 128 + signalNumber(child.signalCode)
  } catch (error) {
    throw toCommandError(command[0] ?? '', error)
  } finally {
    await stop()
  }
}

/** As shells tell apart what is not there and what cannot be run. */
function toCommandError(program: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return new CommandError(EXIT.noProgram, `The program ${program} was not found.`)
  const message = `The program ${program} could not be started: ${messageOf(error)}`
  return new CommandError(EXIT.notExecutable, message)
}

const signalNumber = (name: string | number | null): number =>
  Object.entries(constants.signals).find(([each]) => each === name)?.[1] ?? 0

async function findOrStart(
  prepare: Preparation,
  { places, environment }: RunProgramOptions,
): Promise<{ readonly variables: Readonly<Record<string, string>>; readonly stop: () => Promise<void> }> {
  const connection = await connect(places, environment, { mayCreate: true })
  const { url } = connection
  const variablesFor = await prepare(createClient(connection.transport)).finally(connection.close)
  if (url !== undefined) return { variables: variablesFor(url), stop: async () => {} }
  // Its own free port: nothing else has to be out of the way for one program's gateway.
  const running = await startGateway({ places, environment, flags: { port: 0, logLevel: 'error' } })
  return { variables: variablesFor(running.url), stop: () => running.stop(0) }
}
