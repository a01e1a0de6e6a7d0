/**
 * Follows an Anthropic event stream as it passes: has content begun, has the terminal event
 * come, did an error event come, what was used. Must not hold bytes back: holding the head
 * of a stream is the relay's decision, made on what stands here.
 */
import { NO_USAGE, type Usage } from '../../core/usage.ts'
import { createEventReader } from '../sse.ts'
import { type ErrorEnvelope, readErrorEnvelope } from './error.ts'
import { isObject, namesIterations, readUsage, withCompactions } from './usage.ts'

export interface MessageStream {
  see(bytes: Uint8Array): void
  /** An event other than `message_start`, `ping` and `error` has come. */
  readonly hasContent: boolean
  /** `message_stop` has come: the answer is whole. */
  readonly isWhole: boolean
  /** The `error` event, once it came. */
  readonly error: ErrorEnvelope | undefined
  readonly usage: Usage
}

export function createMessageStream(): MessageStream {
  let hasContent = false
  let isWhole = false
  let error: ErrorEnvelope | undefined
  let usage = NO_USAGE
  let compacted: unknown

  const take = (value: unknown): void => {
    usage = readUsage(value, usage)
    if (namesIterations(value)) compacted = value
  }
  const on = (name: string, data: string): void => {
    switch (name) {
      case 'message_start': {
        const message = parse(data)?.message
        take(isObject(message) ? message.usage : undefined)
        return
      }
      case 'message_delta':
        hasContent = true
        take(parse(data)?.usage)
        return
      case 'error':
        error = readErrorEnvelope(data)
        return
      case 'message_stop':
        hasContent = true
        isWhole = true
        return
      case 'ping':
        return
      default:
        hasContent = true
    }
  }
  const reader = createEventReader({ wants: (name) => WANTED.has(name), on })
  return {
    see: reader.see,
    get hasContent() {
      return hasContent
    },
    get isWhole() {
      return isWhole
    },
    get error() {
      return error
    },
    get usage() {
      return { ...withCompactions(usage, compacted), complete: isWhole && !reader.hasLost }
    },
  }
}

const WANTED: ReadonlySet<string> = new Set(['message_start', 'message_delta', 'error'])

function parse(data: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(data)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
