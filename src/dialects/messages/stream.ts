/**
 * Follows an Anthropic event stream as it passes: has content begun, has the terminal event
 * come, did an error event come, what was used. Must not hold bytes back: holding the head
 * of a stream is the relay's decision, made on what stands here.
 */
import { NO_USAGE, type Usage } from '../../core/usage.ts'
import { createEventReader } from '../sse.ts'
import { type Made, NOTHING_MADE, readContainer, textOf } from './answer.ts'
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
  /** Its data as it came: providers say there what the envelope has no field for. */
  readonly errorText: string
  readonly usage: Usage
  /** As far as it has been named. */
  readonly made: Made
}

interface State {
  hasContent: boolean
  isWhole: boolean
  error: ErrorEnvelope | undefined
  errorText: string
  usage: Usage
  compacted: unknown
  made: Made
}

export function createMessageStream(): MessageStream {
  const state: State = {
    hasContent: false,
    isWhole: false,
    error: undefined,
    errorText: '',
    usage: NO_USAGE,
    compacted: undefined,
    made: NOTHING_MADE,
  }
  const reader = createEventReader({
    wants: (name) => WANTED.has(name),
    on: (name, data) => follow(state, name, data),
  })
  return {
    see: reader.see,
    get hasContent() {
      return state.hasContent
    },
    get isWhole() {
      return state.isWhole
    },
    get error() {
      return state.error
    },
    get errorText() {
      return state.errorText
    },
    get made() {
      return state.made
    },
    get usage() {
      const { usage, compacted, isWhole } = state
      return { ...withCompactions(usage, compacted), complete: isWhole && !reader.hasLost }
    },
  }
}

function follow(state: State, name: string, data: string): void {
  switch (name) {
    case 'message_start': {
      const message = parse(data)?.message
      if (!isObject(message)) return
      state.made = { ...state.made, message: textOf(message.id) }
      return take(state, message.usage, message)
    }
    case 'message_delta': {
      state.hasContent = true
      const value = parse(data)
      return take(state, value?.usage, value?.delta)
    }
    case 'error':
      state.error = readErrorEnvelope(data)
      state.errorText = data
      return
    case 'message_stop':
      state.hasContent = true
      state.isWhole = true
      return
    case 'ping':
      return
    default:
      state.hasContent = true
  }
}

function take(state: State, usage: unknown, part: unknown): void {
  state.usage = readUsage(usage, state.usage)
  if (namesIterations(usage)) state.compacted = usage
  const container = readContainer(part)
  if (container !== undefined) state.made = { ...state.made, container }
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
