/** Tables, numbers and times for people. What scripts read is JSON and does not come here. */
import type { Output } from './shell.ts'

export type Cell = string | number | undefined

const GAP = '  '
/** What a cut column keeps. */
const LEAST_WIDTH = 8

/** What may be done to a table's columns on a terminal that is too narrow for them. */
export interface Fit {
  /** Never cut: what somebody has to copy. */
  readonly whole?: readonly string[]
  /** Left out where there is no room, the first named first. */
  readonly dispensable?: readonly string[]
}

interface Column {
  readonly name: string
  readonly cells: readonly string[]
  readonly width: number
  /** The least that it can be cut to. */
  readonly least: number
  readonly isNumeric: boolean
}

/** Columns as wide as their content, the widest texts cut where the terminal ends; numbers to the right. */
export function table(
  output: Output,
  names: readonly string[],
  rows: readonly (readonly Cell[])[],
  fit: Fit = {},
): void {
  const all = names.map((name, index) => {
    const values = rows.map((row) => row[index])
    return toColumn(name, values, fit)
  })
  const room = output.columns
  const columns = output.isTerminal ? cutTo(room, withoutDispensable(room, all, fit)) : all
  const line = (textIn: (column: Column) => string): string =>
    columns
      .map((column) => pad(textIn(column), column.width, column.isNumeric))
      .join(GAP)
      .trimEnd()
  const head = line(({ name }) => name)
  output.line(dim(output, head))
  for (const index of rows.keys()) output.line(line(({ cells }) => cells[index] ?? ''))
}

function toColumn(name: string, values: readonly Cell[], { whole = [] }: Fit): Column {
  const cells = values.map(textOf)
  const widest = Math.max(width(name), ...cells.map(width))
  const isNumeric = values.every((value) => value === undefined || typeof value === 'number')
  const isCuttable = !isNumeric && !whole.includes(name)
  return { name, cells, width: widest, isNumeric, least: isCuttable ? Math.min(widest, LEAST_WIDTH) : widest }
}

const totalOf = (columns: readonly Column[], widthOf: (column: Column) => number): number =>
  columns.reduce((sum, column) => sum + widthOf(column) + GAP.length, -GAP.length)

/** Only as many columns as have room when they are cut as far as they can be. */
function withoutDispensable(
  room: number,
  columns: readonly Column[],
  { dispensable = [] }: Fit,
): readonly Column[] {
  let left = columns
  for (const name of dispensable) {
    if (totalOf(left, ({ least }) => least) <= room) break
    left = left.filter((column) => column.name !== name)
  }
  return left
}

/** The widest first, until it fits or nothing can be cut any more. */
function cutTo(room: number, columns: readonly Column[]): readonly Column[] {
  const excess = totalOf(columns, (column) => column.width) - room
  const cuttable = columns.filter((column) => column.width > column.least)
  const [first] = cuttable
  if (excess <= 0 || first === undefined) return columns
  const widest = cuttable.reduce((best, column) => (column.width > best.width ? column : best), first)
  const cut = { ...widest, width: Math.max(widest.least, widest.width - excess) }
  const next = columns.map((column) => (column === widest ? cut : column))
  return cutTo(room, next)
}

/** Labels and values, one a line. */
export function fields(output: Output, entries: readonly (readonly [label: string, value: Cell])[]): void {
  const shown = entries.filter(([, value]) => value !== undefined)
  const widest = Math.max(0, ...shown.map(([label]) => width(label)))
  for (const [label, value] of shown)
    output.line(`${dim(output, pad(label, widest, false))}${GAP}${textOf(value)}`)
}

const textOf = (cell: Cell): string => {
  if (cell === undefined) return ''
  return typeof cell === 'number' ? cell.toLocaleString('en-US') : plain(cell)
}

/** What came from clients or providers must not steer the terminal. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, '�')

const width = (text: string): number => Bun.stringWidth(text)

function pad(text: string, to: number, isRight: boolean): string {
  const cut = width(text) > to ? shortened(text, to - 1) : text
  const fill = ' '.repeat(Math.max(0, to - width(cut)))
  return isRight ? `${fill}${cut}` : `${cut}${fill}`
}

/** As many whole letters as fit, and a sign that there were more. */
function shortened(text: string, to: number): string {
  if (/^[ -~]*$/.test(text)) return `${text.slice(0, Math.max(0, to))}…`
  // Made here: it takes tens of milliseconds, which no start of the program should pay for.
  const letters = new Intl.Segmenter()
  let cut = ''
  for (const { segment } of letters.segment(text)) {
    if (width(cut + segment) > to) break
    cut += segment
  }
  return `${cut}…`
}

const dim = (output: Output, text: string): string => (output.hasColour ? `\u001b[2m${text}\u001b[22m` : text)

export const usd = (amount: number | null): string =>
  amount === null ? 'unpriced' : `$${amount.toFixed(amount < 1 ? 4 : 2)}`

type Cost = Readonly<Record<Tokens, number>> & { readonly costUsd: number | null }
type Tokens = 'inputTokens' | 'outputTokens' | 'cacheReadTokens' | 'cacheWrite5mTokens' | 'cacheWrite1hTokens'

/** What used no token cost nothing, whatever its model. */
export function costOf(request: Cost): string {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens } = request
  const used = inputTokens + outputTokens + cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens
  return usd(used === 0 ? (request.costUsd ?? 0) : request.costUsd)
}

/** Decimal, as disks are sold. */
export const megabytes = (bytes: number): string =>
  `${(bytes / 1_000_000).toLocaleString('en-US', { maximumFractionDigits: bytes < 10_000_000 ? 1 : 0 })} MB`

export const seconds = (ms: number | undefined): string =>
  ms === undefined ? '' : `${(ms / 1_000).toFixed(2)} s`

/** "in 35 min", "2 h ago". */
export function fromNow(iso: string | undefined, now: number): string {
  if (iso === undefined) return ''
  const away = Date.parse(iso) - now
  const words = lengthOf(Math.abs(away))
  return away >= 0 ? `in ${words}` : `${words} ago`
}

function lengthOf(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 1) return `${Math.round(ms / 1_000)} s`
  if (minutes < 90) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

export const json = (output: Output, value: unknown): void => output.line(JSON.stringify(value, undefined, 2))
