/**
 * Writes what a run has found to bench/results/: the raw data, and the report for people to
 * read. A quick run leaves raw data only, in a file that Git ignores.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Options } from './options.ts'
import type { Run } from './records.ts'
import { ROOT } from './spillway.ts'

/** Returns the files, as paths in the repository. */
export function writeResults(run: Run, report: string, { label, isQuick }: Options): readonly string[] {
  const { date } = run.machine
  const raw = `${JSON.stringify(run, undefined, 1)}\n`
  return isQuick
    ? [write(`${date}-${label}-quick.tmp.json`, raw)]
    : [write(`${date}-${label}.json`, raw), write(`${date}.md`, `${report}\n`)]
}

function write(name: string, text: string): string {
  const path = join('bench', 'results', name)
  mkdirSync(join(ROOT, 'bench', 'results'), { recursive: true })
  writeFileSync(join(ROOT, path), text)
  return path
}
