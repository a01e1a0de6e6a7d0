/**
 * Reads server-sent events out of bytes as they pass, in whatever pieces they come. Keeps
 * the data only of events that the listener wants, so that the thousands of deltas in a
 * stream cost a search for line ends and little else. Must not alter or hold back bytes.
 */

export interface EventListener {
  /** Asked at the first data line of an event: are its data wanted? `name` is '' when there was none. */
  wants(name: string): boolean
  /** An event is complete. `data` is '' unless it was wanted. */
  on(name: string, data: string): void
}

export interface EventReader {
  see(bytes: Uint8Array): void
  /** False once a single event outgrew the limit: from then on nothing is read any more. */
  readonly isReading: boolean
}

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const MOST_HELD_BYTES = 1 << 20
const NOTHING = new Uint8Array(0)
const decoder = new TextDecoder()

export function createEventReader(listener: EventListener): EventReader {
  const state: State = {
    listener,
    pieces: [],
    heldBytes: 0,
    isAfterCr: false,
    name: '',
    nameBytes: NOTHING,
    lastName: '',
    data: [],
    isWanted: undefined,
    isReading: true,
  }
  return {
    see: (bytes) => see(state, bytes),
    get isReading() {
      return state.isReading
    },
  }
}

interface State {
  readonly listener: EventListener
  /** The beginning of a line whose end has not come yet. */
  pieces: Uint8Array[]
  /** Bytes in `pieces` and `data` together. */
  heldBytes: number
  /** The last line ended with a carriage return, so a line feed that follows belongs to it. */
  isAfterCr: boolean
  name: string
  /** The bytes of `lastName`: most events are called like the one before, and need no decoding. */
  nameBytes: Uint8Array
  lastName: string
  data: string[]
  isWanted: boolean | undefined
  isReading: boolean
}

function see(state: State, bytes: Uint8Array): void {
  let at = 0
  const hasCr = bytes.includes(CR)
  while (state.isReading && at < bytes.length) {
    if (state.isAfterCr) {
      state.isAfterCr = false
      if (bytes[at] === LF) {
        at++
        continue
      }
    }
    const end = hasCr ? lineEnd(bytes, at) : bytes.indexOf(LF, at)
    if (end < 0) return hold(state, bytes.subarray(at))
    takeLine(state, lineOf(state, bytes.subarray(at, end)))
    state.isAfterCr = bytes[end] === CR
    at = end + 1
  }
}

function lineEnd(bytes: Uint8Array, from: number): number {
  const lf = bytes.indexOf(LF, from)
  const cr = bytes.indexOf(CR, from)
  if (cr < 0) return lf
  return lf < 0 ? cr : Math.min(lf, cr)
}

function hold(state: State, piece: Uint8Array): void {
  state.pieces.push(piece)
  grow(state, piece.length)
}

function lineOf(state: State, last: Uint8Array): Uint8Array {
  if (state.pieces.length === 0) return last
  const line = Buffer.concat([...state.pieces, last])
  state.pieces = []
  return line
}

/** One line without its end (HTML standard §9.2.6). */
function takeLine(state: State, line: Uint8Array): void {
  if (line.length === 0) return dispatch(state)
  const from = line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0
  if (isField(line, from, EVENT)) {
    state.name = readName(state, fieldValue(line, from + EVENT.length))
    return
  }
  if (!isField(line, from, DATA)) return
  state.isWanted ??= state.listener.wants(state.name)
  if (!state.isWanted) return
  state.data.push(decoder.decode(fieldValue(line, from + DATA.length)))
  grow(state, line.length)
}

const EVENT = [...'event:'].map((character) => character.charCodeAt(0))
const DATA = [...'data:'].map((character) => character.charCodeAt(0))

function isField(line: Uint8Array, from: number, field: readonly number[]): boolean {
  for (let index = 0; index < field.length; index++) if (line[from + index] !== field[index]) return false
  return true
}

const fieldValue = (line: Uint8Array, from: number): Uint8Array =>
  line.subarray(line[from] === SPACE ? from + 1 : from)

function readName(state: State, bytes: Uint8Array): string {
  if (!isSame(bytes, state.nameBytes)) {
    state.nameBytes = bytes.slice()
    state.lastName = decoder.decode(bytes)
  }
  return state.lastName
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** An empty line ends the event; without any data line there was none. */
function dispatch(state: State): void {
  const { name, data, isWanted } = state
  state.name = ''
  state.isWanted = undefined
  state.heldBytes = 0
  if (data.length > 0) state.data = []
  if (isWanted !== undefined) state.listener.on(name, data.join('\n'))
}

function grow(state: State, bytes: number): void {
  state.heldBytes += bytes
  if (state.heldBytes <= MOST_HELD_BYTES) return
  state.isReading = false
  state.pieces = []
  state.data = []
}
