/** Lines of CSV (RFC 4180). What a spreadsheet would take for a formula is defused. */

export const csvLine = (cells: readonly (string | number | boolean | null | undefined)[]): string =>
  cells.map(toCell).join(',')

function toCell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') return String(value)
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
