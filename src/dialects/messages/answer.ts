/**
 * Reads a whole (not streamed) Messages answer: its usage, or the error that some providers
 * hide behind a 200. Must not judge the answer's content.
 */
import { NO_USAGE, type Usage } from '../../core/usage.ts'
import { type ErrorEnvelope, readErrorEnvelope } from './error.ts'
import { isObject, readUsage, withCompactions } from './usage.ts'

export interface MessageAnswer {
  readonly usage: Usage
  readonly error: ErrorEnvelope | undefined
}

export function readMessageAnswer(text: string): MessageAnswer {
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return { usage: NO_USAGE, error: undefined }
    if (value.type === 'error') return { usage: NO_USAGE, error: readErrorEnvelope(text) }
    const usage = withCompactions(readUsage(value.usage), value.usage)
    return { usage: { ...usage, complete: isObject(value.usage) }, error: undefined }
  } catch {
    return { usage: NO_USAGE, error: undefined }
  }
}
