/**
 * The shell that commands work with, over this process's terminal, environment and data
 * directory. Composition only: what a command does is the command's.
 */
import type { GlobalOptions } from '../cli/program.ts'
import { EXIT, type ExitCode, type Gate, type Output, type Shell } from '../cli/shell.ts'
import { resolveConfig } from '../config.ts'
import { type Connection, connect } from './connect.ts'
import { examine } from './doctor.ts'
import { readConfigFile } from './foundation.ts'
import { findPlaces, type Places } from './places.ts'
import { runProgram } from './run-program.ts'
import { runServer } from './run-server.ts'
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
    async connect(): Promise<Gate> {
      const { createClient } = await import('../api/client.ts')
      connection ??= await connect(places(), environment)
      return {
        client: createClient(connection.transport),
        transport: connection.transport,
        url: connection.url,
      }
    },
    output: terminalOutput(),
    readInput: () => Bun.stdin.text(),
    askSecret,
    confirm,
    environment,
    serve: (flags, isDemo) => runServer({ places: places(), flags, environment, isDemo }),
    doctor: () => examine(places(), environment),
    validateConfig: () =>
      resolveConfig({
        flags: {},
        environment,
        file: readConfigFile(places().configFile),
        stored: new Map(),
        storedNow: new Set(),
      }).findings,
    run: (command, variables) => runProgram(command, variables, { places: places(), environment }),
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

function terminalOutput(): Output {
  const isTerminal = process.stdout.isTTY === true
  return {
    line: (text = '') => void process.stdout.write(`${text}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    columns: process.stdout.columns ?? 80,
    isTerminal,
    hasColour: isTerminal && (process.env.NO_COLOR ?? '') === '',
  }
}

async function askSecret(question: string): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) return undefined
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({ message: question })
  return isCancel(answer) ? undefined : answer
}

/** Without a terminal there is nobody to ask, and a script has meant what it said. */
async function confirm(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true) return true
  const prompts = await import('@clack/prompts')
  return (await prompts.confirm({ message: question, initialValue: false })) === true
}
