/**
 * The `Log` port over pino: JSON lines, or text for people on a terminal. Control characters
 * never reach a terminal, a log that nobody reads is dropped rather than waited for, and what
 * looks like a credential is blotted out, should one ever get here.
 */
import type { Logger } from 'pino'
import { redactLine } from '../core/log-redaction.ts'
import type { Log, LogFields } from '../core/ports/log.ts'

export interface LogOptions {
  readonly level: () => 'debug' | 'info' | 'warn' | 'error'
  readonly format: 'text' | 'json'
  /** Takes one line, its end included. */
  readonly write: (line: string) => void
  /** Takes the same as a line of JSON, whatever the format. */
  readonly keep?: (line: string) => void
}

export function createLog({ level, format, write, keep }: LogOptions): Log {
  const out = (line: string): void => {
    const shown = redactLine(line)
    keep?.(shown)
    write(format === 'json' ? shown : toText(shown))
  }
  const emit = createEmitter(out)
  const isOn = (wanted: keyof typeof RANKS): boolean => RANKS[wanted] >= RANKS[level()]
  return {
    debug: (message, fields = {}) => isOn('debug') && emit('debug', fields, message),
    info: (message, fields = {}) => isOn('info') && emit('info', fields, message),
    warn: (message, fields = {}) => isOn('warn') && emit('warn', fields, message),
    error: (message, error, fields = {}) =>
      isOn('error') && emit('error', { ...fields, ...errorFields(error) }, message),
  }
}

type Emit = (level: 'debug' | 'info' | 'warn' | 'error', fields: LogFields, message: string) => void

const WARM_UP_MS = 100

/** Pino is loaded a moment after the start, or by the first line: listening need not wait for it. */
function createEmitter(write: (line: string) => void): Emit {
  let logger: Logger | undefined
  const load = (): Logger => {
    const { pino }: typeof import('pino') = require('pino')
    const timestamp = pino.stdTimeFunctions.isoTime
    const formatters = { level: (label: string) => ({ level: label }) }
    logger ??= pino({ level: 'debug', base: null, timestamp, formatters }, { write })
    return logger
  }
  setTimeout(load, WARM_UP_MS).unref()
  return (level, fields, message) => (logger ?? load())[level](fields, message)
}

const RANKS = { debug: 0, info: 1, warn: 2, error: 3 } as const

/** An error whole: its stack, and the stacks of what caused it. */
function errorFields(error: unknown): LogFields {
  const stacks: string[] = []
  for (
    let cause = error;
    cause !== undefined && cause !== null && stacks.length < 5;
    cause = causeOf(cause)
  ) {
    stacks.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
  }
  return { error: stacks.join('\ncaused by: ') }
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined)

function toText(line: string): string {
  const { level, time, msg, error, ...fields } = JSON.parse(line)
  const extra = Object.entries(fields).map(([name, value]) => ` ${name}=${printable(String(value))}`)
  const stack = error === undefined ? '' : `\n${printable(String(error), true)}`
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${printable(String(msg))}${extra.join('')}${stack}\n`
}

/** C0 and C1 controls and bidirectional overrides could rewrite what a terminal shows. */
function printable(text: string, keepsLines = false): string {
  let shown = ''
  for (const character of text) shown += isSafe(character, keepsLines) ? character : '�'
  return shown
}

function isSafe(character: string, keepsLines: boolean): boolean {
  if (keepsLines && character === '\n') return true
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false
  return !((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
}
