/** The log and the places that its lines go to: the output, the memory, and a server's file. */
import { resolve } from 'node:path'
import { GatewayError, messageOf } from '../core/error.ts'
import type { Log } from '../core/ports/log.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createLog } from '../platform/log.ts'
import { type LogFile, openLogFile } from '../platform/log-file.ts'
import type { Settings } from '../settings.ts'
import { createLogMemory, type LogMemory } from './log-memory.ts'

export interface Logging {
  readonly log: Log
  readonly logs: LogMemory
  readonly logFile: LogFile | undefined
}

export interface LoggingOptions {
  readonly isTerminal: boolean
  readonly writeLog: (line: string) => void
  /** A server keeps the log in its file; a command beside it must not. */
  readonly keepsLogFile: boolean
}

/** Throws GatewayError. */
export function openLogging(
  { isTerminal, writeLog: write, keepsLogFile }: LoggingOptions,
  settings: () => Settings,
  directory: string,
): Logging {
  const logs = createLogMemory(clock.now().toString(36))
  const logFile = keepsLogFile ? openFile(settings, directory) : undefined
  const { logFormat } = settings()
  const log = createLog({
    level: () => settings().logLevel,
    format: logFormat === 'auto' ? autoFormat(isTerminal) : logFormat,
    write,
    keep(line) {
      logs.keep(line)
      logFile?.write(line)
    },
  })
  return { log, logs, logFile }
}

function openFile(settings: () => Settings, directory: string): LogFile | undefined {
  const { logFile } = settings()
  if (logFile === '') return undefined
  const path = resolve(directory, logFile)
  try {
    return openLogFile({
      path,
      mostBytes: () => settings().logFileBytes,
      keeps: () => settings().logFiles,
    })
  } catch (cause) {
    const message = `The log file ${path} cannot be opened: ${messageOf(cause)}. Make its directory, or change the setting logFile.`
    throw new GatewayError('bad-request', message, { cause })
  }
}

const autoFormat = (isTerminal: boolean): 'text' | 'json' => (isTerminal ? 'text' : 'json')
