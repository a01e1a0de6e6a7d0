/** Tables, numbers and times for people. What scripts read is JSON and does not come here. */
import type { Output } from './shell.ts'

export type Cell = string | number | undefined

const GAP = '  '

/** Columns as wide as their content, the widest cut where the terminal ends; numbers to the right. */
export function table(output: Output, columns: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const texts = rows.map((row) => columns.map((_, index) => textOf(row[index])))
  const widths = fit(
    columns.map((column, index) => Math.max(width(column), ...texts.map((row) => width(row[index] ?? '')))),
    output,
  )
  const isNumeric = columns.map((_, index) =>
    rows.every((row) => row[index] === undefined || typeof row[index] === 'number'),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => pad(cell, widths[index] ?? 0, isNumeric[index] === true))
      .join(GAP)
      .trimEnd()
  output.line(dim(output, line(columns)))
  for (const row of texts) output.line(line(row))
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

function fit(widths: readonly number[], { columns, isTerminal }: Output): readonly number[] {
  const total = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length)
  if (!isTerminal || total <= columns) return widths
  const widest = widths.indexOf(Math.max(...widths))
  return widths.map((each, index) => (index === widest ? Math.max(8, each - (total - columns)) : each))
}

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
