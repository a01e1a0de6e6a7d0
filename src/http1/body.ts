/**
 * The body of an HTTP/1.1 message out of the bytes of its connection, in whatever pieces
 * they come (RFC 9112 §6–7). Hands out views, copies nothing; strict, because loose chunk
 * syntax is how answers get mixed up. Pure; holds at most one chunk-size line.
 */
import type { Framing } from './head.ts'

export interface BodyDecoder {
  /** Takes bytes of the connection; the views in `pieces` are of those bytes. Throws FramingError. */
  feed(bytes: Uint8Array): Fed
  /** The connection has ended: whether the body ended with it. */
  end(): 'complete' | 'short'
  readonly isComplete: boolean
}

export interface Fed {
  readonly pieces: readonly Uint8Array[]
  /** Bytes after the body's end; empty while it goes on. */
  readonly rest: Uint8Array
}

export class FramingError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FramingError'
  }
}

const NOTHING = new Uint8Array(0)

export function createBodyDecoder(framing: Framing): BodyDecoder {
  switch (framing.kind) {
    case 'none':
      return lengthDecoder(0)
    case 'length':
      return lengthDecoder(framing.length)
    case 'until-close':
      return closeDecoder()
    case 'chunked':
      return chunkedDecoder()
  }
}

function lengthDecoder(length: number): BodyDecoder {
  let left = length
  return {
    feed(bytes) {
      const taken = bytes.length <= left ? bytes : bytes.subarray(0, left)
      left -= taken.length
      return { pieces: taken.length === 0 ? [] : [taken], rest: bytes.subarray(taken.length) }
    },
    end: () => (left === 0 ? 'complete' : 'short'),
    get isComplete() {
      return left === 0
    },
  }
}

function closeDecoder(): BodyDecoder {
  let isComplete = false
  return {
    feed: (bytes) => ({ pieces: bytes.length === 0 ? [] : [bytes], rest: NOTHING }),
    end() {
      isComplete = true
      return 'complete'
    },
    get isComplete() {
      return isComplete
    },
  }
}

const CR = 0x0d
const LF = 0x0a
/** A size and its extensions; trailers together. */
const LONGEST_LINE = 1024
const LONGEST_TRAILERS = 16 * 1024

type Phase = 'size' | 'data' | 'data-end' | 'trailers' | 'done'

interface ChunkState {
  phase: Phase
  left: number
  line: string
  trailerBytes: number
}

function chunkedDecoder(): BodyDecoder {
  const state: ChunkState = { phase: 'size', left: 0, line: '', trailerBytes: 0 }
  return {
    feed(bytes) {
      const pieces: Uint8Array[] = []
      let at = 0
      while (at < bytes.length && state.phase !== 'done') {
        at = state.phase === 'data' ? takeData(state, bytes, at, pieces) : takeLine(state, bytes, at)
      }
      return { pieces, rest: at < bytes.length ? bytes.subarray(at) : NOTHING }
    },
    end: () => (state.phase === 'done' ? 'complete' : 'short'),
    get isComplete() {
      return state.phase === 'done'
    },
  }
}

function takeData(state: ChunkState, bytes: Uint8Array, at: number, pieces: Uint8Array[]): number {
  const end = Math.min(bytes.length, at + state.left)
  pieces.push(bytes.subarray(at, end))
  state.left -= end - at
  if (state.left === 0) state.phase = 'data-end'
  return end
}

/** Collects a line up to its CRLF, then acts on it; returns where to go on. */
function takeLine(state: ChunkState, bytes: Uint8Array, at: number): number {
  const lf = bytes.indexOf(LF, at)
  const end = lf < 0 ? bytes.length : lf
  if (state.line.length + end - at > LONGEST_LINE) throw new FramingError('A chunk’s size line is too long.')
  for (let index = at; index < end; index++) state.line += String.fromCharCode(bytes[index] ?? 0)
  if (lf < 0) return end
  if (state.line.charCodeAt(state.line.length - 1) !== CR)
    throw new FramingError('A chunk line ends without CRLF.')
  const line = state.line.slice(0, -1)
  state.line = ''
  act(state, line)
  return lf + 1
}

const SIZE = /^([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/

function act(state: ChunkState, line: string): void {
  if (state.phase === 'data-end') {
    if (line !== '') throw new FramingError('A chunk is longer than its size.')
    state.phase = 'size'
    return
  }
  if (state.phase === 'trailers') {
    state.trailerBytes += line.length
    if (state.trailerBytes > LONGEST_TRAILERS) throw new FramingError('The trailers are too long.')
    if (line === '') state.phase = 'done'
    return
  }
  const size = SIZE.exec(line)?.[1]
  if (size === undefined) throw new FramingError('A chunk’s size is not a number.')
  state.left = Number.parseInt(size, 16)
  state.phase = state.left === 0 ? 'trailers' : 'data'
}
