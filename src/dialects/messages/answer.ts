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
  readonly made: Made
}

/** What an answer leaves behind at its provider, where later requests may name it. */
export interface Made {
  /** The answer itself: a server-side thread can go on from it. */
  readonly message: string | undefined
  /** The container that it ran in. */
  readonly container: string | undefined
}

export const NOTHING_MADE: Made = { message: undefined, container: undefined }

const NOTHING: MessageAnswer = { usage: NO_USAGE, error: undefined, made: NOTHING_MADE }

export function readMessageAnswer(text: string): MessageAnswer {
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return NOTHING
    if (value.type === 'error') return { ...NOTHING, error: readErrorEnvelope(text) }
    const usage = withCompactions(readUsage(value.usage), value.usage)
    return {
      usage: { ...usage, complete: isObject(value.usage) },
      error: undefined,
      made: { message: textOf(value.id), container: readContainer(value) },
    }
  } catch {
    return NOTHING
  }
}

/** The id in a message's or a delta's `container` (`wire.md` §1.5). */
export function readContainer(value: unknown): string | undefined {
  const container = isObject(value) ? value.container : undefined
  return isObject(container) ? textOf(container.id) : undefined
}

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
