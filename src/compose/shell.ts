/**
 * The shell that commands work with, over this process's terminal, environment and data
 * directory. Composition only: what a command does is the command's.
 */
import type { GlobalOptions } from '../cli/program.ts'
import { EXIT, type ExitCode, type Gate, type Shell } from '../cli/shell.ts'
import { suggestion } from '../config.ts'
import { configSchema } from '../reference.ts'
import { openBrowser } from './browser.ts'
import { type Connection, connect } from './connect.ts'
import { examine } from './doctor.ts'
import { findPlaces, type Places } from './places.ts'
import { runProgram } from './run-program.ts'
import { runServer } from './run-server.ts'
import { askLine, askSecret, confirm, terminalOutput } from './terminal.ts'
import { validateConfig } from './validate-config.ts'
import { VERSION } from './version.ts'

export interface ProcessShell extends Shell {
  /** Closes what the command opened; the code that the process ends with. */
  finish(): Promise<number>
}

export function createShell(options: () => GlobalOptions): ProcessShell {
  const { env: environment } = process
  const places = (): Places => {
    const { dataDir, config } = options()
    return findPlaces({ dataDir, config }, environment)
  }
  let connection: Connection | undefined
  let exitCode: number = EXIT.ok
  return {
    async connect(connectOptions = {}): Promise<Gate> {
      const { createClient } = await import('../api/client.ts')
      connection ??= await connect(places(), environment, connectOptions)
      return {
        client: createClient(connection.transport),
        transport: connection.transport,
        url: connection.url,
      }
    },
    output: terminalOutput(),
    readInput: () => Bun.stdin.text(),
    askSecret,
    askLine,
    confirm,
    isInteractive: process.stdin.isTTY === true,
    openBrowser: (url) => openBrowser(url, environment),
    environment,
    serve: (flags, isDemo) => runServer({ places: places(), flags, environment, isDemo }),
    doctor: () => examine(places(), environment),
    async restoreDatabase(file) {
      const { restoreDatabase } = await import('./restore.ts')
      return restoreDatabase(file, places(), environment)
    },
    async simulate(wish) {
      const { runSimulation } = await import('./simulate.ts')
      return runSimulation(wish)
    },
    validateConfig: () => validateConfig(places(), environment),
    configSchema,
    suggestSetting: suggestion,
    run: (command, prepare) => runProgram(command, prepare, { places: places(), environment }),
    exitWithChild(code) {
      exitCode = code
    },
    exitWith(code: ExitCode) {
      exitCode = code
    },
    version: VERSION,
    async finish() {
      await connection?.close()
      return exitCode
    },
  }
}
