/** Markdown tables that also read well on a terminal: words to the left, numbers to the right. Pure. */

export type Line = readonly string[]

/** The first line is the head. */
export function table(lines: readonly Line[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(3, ...lines.map((line) => (line[column] ?? '').length)),
  )
  const draw = (line: Line): string =>
    `| ${line.map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  const [head = [], ...rest] = lines
  return [draw(head), rule, ...rest.map(draw)].join('\n')
}

export const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
