/** Log lines go to whoever reads them; a reader that stopped, or has gone, costs lines, never time. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasTool } from '../../test/support/tools.ts'
import { eventually } from '../../test/support/world.ts'
import { createLineOutput, type LineOutput } from './output.ts'

const canMakePipes = hasTool('mkfifo')
const MOST_WAITING_BYTES = 1 << 20

let directory: string
let descriptors: number[]
let pipes: Pipe[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-output-'))
  descriptors = []
  pipes = []
})
afterEach(() => {
  for (const pipe of pipes) pipe.leave()
  for (const each of descriptors) closeSync(each)
  rmSync(directory, { recursive: true, force: true })
})

describe('lines into a file', () => {
  it('come out whole and in order', async () => {
    const file = join(directory, 'log')
    const output = createLineOutput(openedAt(file, 'a'))
    const lines = Array.from({ length: 3_000 }, (_, index) => `line ${index} ü\n`)
    for (const line of lines) output.write(line)
    await eventually(() => readFileSync(file, 'utf8').length === lines.join('').length, 'the lines')
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
    expect(output.dropped).toBe(0)
  })

  it('are all there after a flush', async () => {
    const file = join(directory, 'log')
    const output = createLineOutput(openedAt(file, 'a'))
    for (let n = 0; n < 100; n++) output.write(`line ${n}\n`)
    await output.flush()
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\n`)
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
  })
})

describe.skipIf(!canMakePipes)('a pipe that nobody reads', () => {
  it.each([
    ['that makes writers wait', 0],
    ['that sends writers away', constants.O_NONBLOCK],
  ])('%s costs lines, which are counted, and never holds anybody up', async (_what, flags) => {
    const pipe = openPipe(flags)
    const output = createLineOutput(pipe.writer)
    const written = 4_000
    for (let n = 0; n < written; n++) output.write(lineOf(n))
    expect(output.dropped).toBeGreaterThan(0)
    await eventually(() => {
      pipe.drain()
      return pipe.lines().length + output.dropped === written
    }, 'every line to be read or counted')
    const numbers = pipe.lines().map(numberOf)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(pipe.rest()).toBe('')
  })

  it('takes new lines as soon as somebody reads again', async () => {
    const pipe = openPipe(0)
    const output = createLineOutput(pipe.writer)
    for (let n = 0; n < 4_000; n++) output.write(lineOf(n))
    await untilQuiet(pipe, output, 4_000)
    output.write(lineOf(4_000))
    await eventually(() => {
      pipe.drain()
      return pipe.lines().map(numberOf).includes(4_000)
    }, 'the new line')
  })

  it.each([
    ['that makes writers wait', 0],
    ['that sends writers away', constants.O_NONBLOCK],
  ])('%s does not keep the process from ending', async (_what, flags) => {
    const pipe = openPipe(flags)
    const output = createLineOutput(pipe.writer)
    for (let n = 0; n < 4_000; n++) output.write(lineOf(n))
    await output.flush()
    expect(output.dropped).toBeGreaterThan(0)
    pipe.drain()
    expect(pipe.lines().length).toBeGreaterThan(0)
  })

  it('has at most a megabyte waiting for it', () => {
    const pipe = openPipe(0)
    const output = createLineOutput(pipe.writer)
    for (let n = 0; n < 4_000; n++) output.write(lineOf(n))
    const kept = (4_000 - output.dropped) * lineOf(0).length
    expect(kept).toBeLessThanOrEqual(MOST_WAITING_BYTES + 2 * PIPE_BYTES)
  })
})

describe.skipIf(!canMakePipes)('a pipe whose reader has gone', () => {
  it('costs every line, and each is counted', async () => {
    const pipe = openPipe(constants.O_NONBLOCK)
    const output = createLineOutput(pipe.writer)
    pipe.leave()
    for (let n = 0; n < 10; n++) output.write(lineOf(n))
    await eventually(() => output.dropped === 10, 'ten lines to be counted')
  })

  it('is no error at the end', async () => {
    const pipe = openPipe(constants.O_NONBLOCK)
    const output = createLineOutput(pipe.writer)
    pipe.leave()
    output.write(lineOf(0))
    output.write(lineOf(1))
    await output.flush()
    expect(output.dropped).toBe(2)
  })
})

const PIPE_BYTES = 1 << 16

const lineOf = (number: number): string => `${number} ${'x'.repeat(990 - String(number).length)}\n`
const numberOf = (line: string): number => Number(line.split(' ')[0])

function openedAt(path: string, flags: string | number): number {
  const descriptor = openSync(path, flags)
  descriptors.push(descriptor)
  return descriptor
}

interface Pipe {
  readonly writer: number
  /** Reads what there is at this moment. */
  drain(): void
  /** Whole lines read so far, and what stands after the last. */
  lines(): readonly string[]
  rest(): string
  /** Closes the reading end. */
  leave(): void
}

function openPipe(flags: number): Pipe {
  const path = join(directory, `pipe-${descriptors.length}`)
  spawnSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openedAt(path, constants.O_WRONLY | flags)
  let text = ''
  let isOpen = true
  const leave = (): void => {
    if (isOpen) closeSync(reader)
    isOpen = false
  }
  const bytes = Buffer.alloc(PIPE_BYTES)
  const pipe: Pipe = {
    writer,
    leave,
    drain() {
      try {
        for (let count = 1; count > 0; ) {
          count = readSync(reader, bytes)
          text += bytes.toString('latin1', 0, count)
        }
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      }
    },
    lines: () => text.split('\n').slice(0, -1),
    rest: () => text.split('\n').at(-1) ?? '',
  }
  pipes.push(pipe)
  return pipe
}

/** Until every line so far has been read or counted. */
const untilQuiet = (pipe: Pipe, output: LineOutput, written: number): Promise<unknown> =>
  eventually(() => {
    pipe.drain()
    return pipe.lines().length + output.dropped === written
  }, 'the pipe to be read empty')
