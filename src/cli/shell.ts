/**
 * What commands work with: a way to the gateway, a terminal, and a few things that only the
 * composition can do. Types and the errors that become exit codes; no command.
 */
import type { Client, Transport } from '../api/client.ts'
import type { SimulationReport, SimulationWish } from './simulation.ts'

export interface Shell {
  /** Opens the way to the gateway; closed when the command is done. `mayCreate`: also where there are no data yet. */
  connect(options?: ConnectOptions): Promise<Gate>
  readonly output: Output
  /** Reads standard input to its end. */
  readInput(): Promise<string>
  /** Asks for a secret on a terminal; undefined where there is none. Throws Cancelled. */
  askSecret(question: string): Promise<string | undefined>
  /** Asks for a line on a terminal, reads one from standard input elsewhere. Throws Cancelled. */
  askLine(question: string): Promise<string>
  /** Throws Cancelled. Without a terminal it is yes: a script has meant what it said. */
  confirm(question: string): Promise<boolean>
  /** Whether there is somebody to ask. */
  readonly isInteractive: boolean
  /** Shows a page to the person, where there is a browser; says whether it was tried. */
  openBrowser(url: string): boolean
  readonly environment: Readonly<Record<string, string | undefined>>
  serve(flags: Readonly<Record<string, unknown>>, isDemo: boolean): Promise<number>
  doctor(): Promise<readonly Check[]>
  /** Puts a copy in the place of the database; only while nobody uses it. Throws GatewayError, before anything was changed. */
  restoreDatabase(file: string): Promise<Restored>
  /** Works here and on nothing but what it is given. Throws CommandError. */
  simulate(wish: SimulationWish): Promise<SimulationReport>
  /** Throws where a server is said to run and does not answer. */
  validateConfig(): Promise<readonly ConfigFinding[]>
  /** A JSON Schema of the configuration file. */
  configSchema(): object
  /** " Did you mean …?" for a name that no setting has, or nothing. */
  suggestSetting(name: string): string
  /** Runs a program with further variables; its exit code. Starts a gateway for its lifetime if none runs. */
  run(command: readonly string[], prepare: Preparation): Promise<number>
  /** Ends with another program's exit code. */
  exitWithChild(code: number): void
  /** The command did its work, but what it found is to be told by the exit code. */
  exitWith(code: ExitCode): void
  readonly version: string
}

export interface ConfigFinding {
  readonly path: string
  readonly message: string
  /** What to do about it. */
  readonly remedy?: string | undefined
}

export interface ConnectOptions {
  readonly mayCreate?: boolean
}

/** Asks the gateway what has to be known, then says for its address which variables a program gets. */
export type Preparation = (client: Client) => Promise<(url: string) => Readonly<Record<string, string>>>

export interface Gate {
  readonly client: Client
  readonly transport: Transport
  /** The running server's address; undefined when the command works on the data directory itself. */
  readonly url: string | undefined
}

export interface Output {
  line(text?: string): void
  /** As they are, for files and pipes. */
  bytes(bytes: Uint8Array): void
  /** For what is not the command's result: progress, hints. */
  note(text: string): void
  readonly columns: number
  readonly isTerminal: boolean
  readonly hasColour: boolean
}

export interface Restored {
  readonly database: string
  readonly from: string
  /** Where the former database is; null where there was none. */
  readonly kept: string | null
  readonly schema: number
}

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly message: string
  /** What to do about it. */
  readonly remedy?: string
}

/** The exit codes of the contract. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  notSignedIn: 4,
  findings: 5,
  unreachable: 69,
  exhausted: 75,
  /** As shells end: a program that cannot be run, one that is not there, and Ctrl-C. */
  notExecutable: 126,
  noProgram: 127,
  cancelled: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A command that could not be carried out: a sentence and an exit code. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** Somebody pressed Ctrl-C at a question: nothing to say. */
export class Cancelled extends Error {
  constructor() {
    super('Cancelled.')
    this.name = 'Cancelled'
  }
}

/** Whoever read our output has had enough: nothing to say, and nothing went wrong. */
export class ReaderGone extends Error {
  constructor() {
    super('Nobody reads the output any more.')
    this.name = 'ReaderGone'
  }
}
