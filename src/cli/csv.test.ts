/** Lines of CSV: read back as they were, and nothing that a spreadsheet would run. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { csvLine } from './csv.ts'

describe('csvLine', () => {
  it.each([
    ['texts and numbers', ['a', 1, -2.5, true], 'a,1,-2.5,true'],
    ['nothing', [null, undefined, '', 0], ',,,0'],
    ['commas', ['a,b', 'c'], '"a,b",c'],
    ['quotes', ['say "x"'], '"say ""x"""'],
    ['line ends', ['a\nb', 'c\r\nd'], '"a\nb","c\r\nd"'],
    ['no cells', [], ''],
  ])('writes %s', (_what, cells, line) => {
    expect(csvLine(cells)).toBe(line)
  })

  it.each([
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
  ])('defuses %j', (cell, written) => {
    expect(csvLine([cell])).toBe(written)
  })

  it('leaves signs within a text alone', () => expect(csvLine(['a=b', '1-2'])).toBe('a=b,1-2'))

  it('is read back as it was written, whatever the cells', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (cells) => {
        const expected = cells.map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell))
        expect(parse(csvLine(cells))).toEqual(expected)
      }),
    )
  })

  it('never begins a cell with what a spreadsheet runs', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (cell) => {
        expect(parse(csvLine([cell]))[0]).not.toMatch(/^[=+\-@]/)
      }),
    )
  })
})

/** RFC 4180, one record. */
function parse(line: string): readonly string[] {
  return [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}
