/** The journal takes whole lines or none, gives them back, and says why it cannot. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Journal, openJournal } from './journal.ts'

const MOST_BYTES = 256 << 20

describe('the journal', () => {
  let directory: string
  let file: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'spillway-journal-'))
    file = join(directory, 'ledger.journal')
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('gives back what it was given, in order, also to the next process', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue().map((value) => JSON.stringify([value]))), (lines) => {
        rmSync(file, { force: true })
        const journal = openJournal(file)
        for (const line of lines) expect(journal.append(line)).toBe(true)
        expect(linesOf(journal)).toEqual(lines)
        journal.close()
        const next = openJournal(file)
        expect(linesOf(next)).toEqual(lines)
        next.close()
      }),
    )
  })

  it('has a line in the file when append returns', () => {
    const journal = openJournal(file)
    journal.append('{"a":"ü組"}')
    expect(readFileSync(file, 'utf8')).toBe('{"a":"ü組"}\n')
    expect(journal.bytes).toBe(statSync(file).size)
    journal.close()
  })

  it('is for its user alone', () => {
    const umask = process.umask(0)
    openJournal(file).close()
    process.umask(umask)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('leaves out a line that its writer did not finish', () => {
    writeFileSync(file, '[1]\n[2]\n[3')
    const journal = openJournal(file)
    expect(linesOf(journal)).toEqual(['[1]', '[2]'])
    journal.close()
  })

  it('gives back piece by piece what it was given, whatever the size of the pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' })),
        fc.integer({ min: 1, max: 64 }),
        (texts, most) => {
          rmSync(file, { force: true })
          const lines = texts.map((text) => JSON.stringify([text]))
          const journal = openJournal(file)
          for (const line of lines) journal.append(line)
          appendFileSync(file, '["not fini')
          expect(linesOf(journal, most)).toEqual(lines)
          journal.close()
        },
      ),
    )
  })

  it('is empty once cleared, and takes lines again', () => {
    const journal = openJournal(file)
    journal.append('[1]')
    journal.clear()
    expect(linesOf(journal)).toEqual([])
    expect(journal.bytes).toBe(0)
    journal.append('[2]')
    expect(linesOf(journal)).toEqual(['[2]'])
    journal.close()
  })

  it('takes nothing beyond its bound, says so, and keeps what it has', () => {
    writeFileSync(file, '[1]\n')
    truncateSync(file, MOST_BYTES - 8)
    const journal = openJournal(file)
    expect(journal.append('["too long for the rest"]')).toBe(false)
    expect(journal.problem).toBe(`The journal ${file} is full (256 MB).`)
    expect(statSync(file).size).toBe(MOST_BYTES - 8)
    journal.clear()
    expect(journal.problem).toBeUndefined()
    expect(statSync(file).size).toBe(0)
    expect(journal.append('[2]')).toBe(true)
    journal.close()
  })

  it.skipIf(!existsSync('/dev/full'))('takes nothing on a full disk, says so, and does not throw', () => {
    const journal = openJournal('/dev/full')
    expect(journal.append('[1]')).toBe(false)
    expect(journal.problem).toContain('The journal /dev/full could not be written')
    journal.close()
  })

  it('does not mind that its file was removed under it', () => {
    const journal = openJournal(file)
    rmSync(file)
    expect(journal.append('[1]')).toBe(true)
    expect(linesOf(journal)).toEqual(['[1]'])
    journal.close()
  })

  it('goes on where the file ends, whoever wrote there', () => {
    const journal = openJournal(file)
    journal.append('[1]')
    journal.close()
    appendFileSync(file, '[2]\n')
    const next = openJournal(file)
    next.append('[3]')
    expect(linesOf(next)).toEqual(['[1]', '[2]', '[3]'])
    next.close()
  })
})

/** Read piece by piece to the end. */
function linesOf(journal: Journal, most = 1_000): readonly string[] {
  const lines: string[] = []
  for (let from = 0, isMore = true; isMore; ) {
    const piece = journal.read(from, most)
    lines.push(...piece.lines)
    isMore = piece.end > from
    from = piece.end
  }
  return lines
}
