/**
 * A command's output and its questions, on this process's terminal or wherever its output
 * goes. Written at once and whole: a reader that has left ends the command, and a device
 * that takes nothing is a failure. Not for a server: that goes on without its readers.
 */
import { writeSync } from 'node:fs'
import { Cancelled, type Output, ReaderGone } from '../cli/shell.ts'
import { messageOf } from '../core/error.ts'

/** How soon a pipe that is full and does not make writers wait is tried again. */
const RETRY_MS = 10

export function terminalOutput(): Output {
  const isTerminal = process.stdout.isTTY === true
  return {
    line: (text = '') => writeWhole(1, `${text}\n`),
    bytes: (bytes) => writeWhole(1, bytes),
    note(text) {
      try {
        writeWhole(2, `${text}\n`)
      } catch {
        // What is not the result may be lost.
      }
    },
    columns: process.stdout.columns ?? 80,
    isTerminal,
    hasColour: isTerminal && (process.env.NO_COLOR ?? '') === '',
  }
}

/** Throws ReaderGone, or an error that says why the output cannot be written. */
function writeWhole(descriptor: number, text: string | Uint8Array): void {
  let left = typeof text === 'string' ? Buffer.from(text) : text
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(descriptor, left))
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
      if (code === 'EPIPE') throw new ReaderGone()
      if (code !== 'EAGAIN') throw new Error(`The output cannot be written: ${messageOf(cause)}.`, { cause })
      Bun.sleepSync(RETRY_MS)
    }
  }
}

/** Undefined without a terminal: there is nobody to ask. */
export async function askSecret(question: string): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) return undefined
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({ message: question })
  if (isCancel(answer)) throw new Cancelled()
  return answer
}

export async function askLine(question: string): Promise<string> {
  if (process.stdin.isTTY !== true) return firstLine(await Bun.stdin.text())
  const { isCancel, text } = await import('@clack/prompts')
  const answer = await text({ message: question })
  if (isCancel(answer)) throw new Cancelled()
  return (answer ?? '').trim()
}

const firstLine = (text: string): string => text.trim().split('\n')[0]?.trim() ?? ''

/** Without a terminal there is nobody to ask, and a script has meant what it said. */
export async function confirm(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true) return true
  const prompts = await import('@clack/prompts')
  const answer = await prompts.confirm({ message: question, initialValue: false })
  if (prompts.isCancel(answer)) throw new Cancelled()
  return answer
}
