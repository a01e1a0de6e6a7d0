/** The log: one line an event, fields apart from words. Must never be given a secret or a body. */

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  /** `error` is logged whole, with its causes. */
  error(message: string, error: unknown, fields?: LogFields): void
}
