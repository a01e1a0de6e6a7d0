/** `run`: another program with our variables set, and a gateway for as long as it runs. */
import { constants } from 'node:os'
import { CommandError, EXIT } from '../cli/shell.ts'
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
  variables: (url: string) => Readonly<Record<string, string>>,
  { places, environment }: RunProgramOptions,
): Promise<number> {
  const { url, stop } = await findOrStart(places, environment)
  // The terminal sends its signals to the program too; it decides, and we end with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child?.kill(signal))
  let child: Bun.Subprocess | undefined
  try {
    child = Bun.spawn([...command], {
      stdio: ['inherit', 'inherit', 'inherit'],
      env: { ...environment, ...variables(url) },
    })
    await child.exited
    return child.exitCode ?? 128 + signalNumber(child.signalCode)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandError(EXIT.notFound, `The program ${command[0]} could not be started: ${reason}`)
  } finally {
    await stop()
  }
}

const signalNumber = (name: string | number | null): number =>
  Object.entries(constants.signals).find(([each]) => each === name)?.[1] ?? 0

async function findOrStart(
  places: Places,
  environment: RunProgramOptions['environment'],
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const connection = await connect(places, environment)
  const { url } = connection
  await connection.close()
  if (url !== undefined) return { url, stop: async () => {} }
  // Its own free port: nothing else has to be out of the way for one program's gateway.
  const running = await startGateway({ places, environment, flags: { port: 0, logLevel: 'error' } })
  return { url: running.url, stop: () => running.stop(0) }
}
