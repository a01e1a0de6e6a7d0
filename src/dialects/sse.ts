/**
 * Reads server-sent events out of bytes as they pass, in whatever pieces they come. Keeps
 * the data only of events that the listener wants, so that the thousands of deltas in a
 * stream cost a search for line ends and little else. An event that is too large to keep is
 * passed over, and reading goes on behind it. Must not alter or hold back bytes.
 */

export interface EventListener {
  /** Asked at the first data line of an event: are its data wanted? `name` is '' when there was none. */
  wants(name: string): boolean
  /** An event is complete. `data` is '' unless it was wanted (and small enough to keep). */
  on(name: string, data: string): void
}

export interface EventReader {
  see(bytes: Uint8Array): void
  /** A wanted event outgrew the limit: the listener heard of it, but not its data. */
  readonly hasLost: boolean
}

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const MOST_HELD_BYTES = 1 << 20
const NOTHING = new Uint8Array(0)
/** A byte order mark is one at the very beginning only; anywhere else it is a letter. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export function createEventReader(listener: EventListener): EventReader {
  const state: State = {
    listener,
    pieces: [],
    lineBytes: 0,
    isSkipping: false,
    isFirstLine: true,
    isAfterCr: false,
    name: '',
    nameBytes: NOTHING,
    lastName: '',
    data: [],
    dataBytes: 0,
    isWanted: undefined,
    hasLost: false,
  }
  return {
    see: (bytes) => see(state, bytes),
    get hasLost() {
      return state.hasLost
    },
  }
}

interface State {
  readonly listener: EventListener
  /** The beginning of a line whose end has not come yet. */
  pieces: Uint8Array[]
  lineBytes: number
  /** The rest of the line is passed over: nobody wants to read it. */
  isSkipping: boolean
  isFirstLine: boolean
  /** The last line ended with a carriage return, so a line feed that follows belongs to it. */
  isAfterCr: boolean
  name: string
  /** The bytes of `lastName`: most events are called like the one before, and need no decoding. */
  nameBytes: Uint8Array
  lastName: string
  data: string[]
  dataBytes: number
  isWanted: boolean | undefined
  hasLost: boolean
}

function see(state: State, bytes: Uint8Array): void {
  let at = 0
  let lf = bytes.indexOf(LF)
  let cr = bytes.indexOf(CR)
  while (at < bytes.length) {
    if (state.isAfterCr) {
      state.isAfterCr = false
      if (bytes[at] === LF) {
        at++
        continue
      }
    }
    // Looked for again only once passed, so that no mixture of line ends costs more than its length.
    if (lf >= 0 && lf < at) lf = bytes.indexOf(LF, at)
    if (cr >= 0 && cr < at) cr = bytes.indexOf(CR, at)
    const end = cr >= 0 && (cr < lf || lf < 0) ? cr : lf
    if (end < 0) return hold(state, bytes.subarray(at))
    if (state.isSkipping) state.isSkipping = false
    else takeLine(state, lineOf(state, bytes.subarray(at, end)))
    state.isFirstLine = false
    state.isAfterCr = bytes[end] === CR
    at = end + 1
  }
}

/** A byte order mark, the longer field name and its colon: what a line is can be told from so much of it. */
const TELLING_BYTES = 9

/** Keeps the beginning of a line, but only if the line is going to be read. */
function hold(state: State, piece: Uint8Array): void {
  if (state.isSkipping) return
  const isTold = state.lineBytes >= TELLING_BYTES
  state.pieces.push(piece)
  state.lineBytes += piece.length
  if (state.lineBytes < TELLING_BYTES) return
  const isRead = isTold || wantedField(state, joined(state.pieces)) !== undefined
  if (isRead && fits(state, state.lineBytes)) return
  state.isSkipping = true
  state.pieces = []
  state.lineBytes = 0
}

function lineOf(state: State, last: Uint8Array): Uint8Array {
  if (state.pieces.length === 0) return last
  const line = joined([...state.pieces, last])
  state.pieces = []
  state.lineBytes = 0
  return line
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first = NOTHING] = pieces
  return pieces.length === 1 ? first : Buffer.concat(pieces)
}

/** One line without its end (HTML standard §9.2.6). */
function takeLine(state: State, line: Uint8Array): void {
  if (line.length === 0) return dispatch(state)
  const field = wantedField(state, line)
  if (field === undefined || !fits(state, line.length)) return
  const value = fieldValue(line, lineStart(state, line) + field.length)
  if (field === EVENT) {
    state.name = readName(state, value)
    return
  }
  state.data.push(decoder.decode(value))
  state.dataBytes += line.length
}

const EVENT = [...'event'].map((character) => character.charCodeAt(0))
const DATA = [...'data'].map((character) => character.charCodeAt(0))

/** The field that a line gives, if it is to be read. The first data line of an event decides about its data. */
function wantedField(state: State, line: Uint8Array): readonly number[] | undefined {
  const from = lineStart(state, line)
  if (isField(line, from, EVENT)) return EVENT
  if (!isField(line, from, DATA)) return undefined
  state.isWanted ??= state.listener.wants(state.name)
  return state.isWanted ? DATA : undefined
}

const lineStart = ({ isFirstLine }: State, line: Uint8Array): number =>
  isFirstLine && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0

/** Its name is followed by a colon, or by nothing at all. */
function isField(line: Uint8Array, from: number, field: readonly number[]): boolean {
  for (let index = 0; index < field.length; index++) if (line[from + index] !== field[index]) return false
  const end = from + field.length
  return line[end] === COLON || end === line.length
}

/** What follows the colon, without one space. */
const fieldValue = (line: Uint8Array, colon: number): Uint8Array =>
  line.subarray(line[colon + 1] === SPACE ? colon + 2 : colon + 1)

function readName(state: State, bytes: Uint8Array): string {
  if (!isSame(bytes, state.nameBytes)) {
    // A copy: `slice` of a Buffer would be a view.
    state.nameBytes = new Uint8Array(bytes)
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
  state.dataBytes = 0
  if (data.length > 0) state.data = []
  if (isWanted !== undefined) state.listener.on(name, data.join('\n'))
}

/** Whether an event may keep so many bytes more. If not it loses its data, and is heard of like an unwanted one. */
function fits(state: State, bytes: number): boolean {
  if (state.dataBytes + bytes <= MOST_HELD_BYTES) return true
  state.hasLost = true
  state.isWanted = false
  state.data = []
  state.dataBytes = 0
  return false
}
