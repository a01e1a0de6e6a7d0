/**
 * Measures how long a start takes, from the exec to the first accepted connection, as a user
 * meets it: through the launcher, by Bun alone, and on a data directory that is not there yet.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { launch } from './processes.ts'
import { residentMb } from './procfs.ts'
import type { ColdStartRecord, StartName } from './records.ts'
import { ROOT, spillwayLaunch } from './spillway.ts'
import { accepting, freePort } from './targets.ts'

export const START_NAMES: Readonly<Record<StartName, string>> = {
  launcher: 'bin/spillway.mjs serve',
  bun: 'bun src/main.ts serve',
  first: 'bun src/main.ts serve, new data directory',
}

/** One start of each kind, in the order given. */
export async function measureStarts(
  bench: Bench,
  ways: readonly StartName[],
  round: number,
): Promise<readonly ColdStartRecord[]> {
  const used = bench.directory()
  await start(bench, used, undefined)
  const records: ColdStartRecord[] = []
  for (const way of ways) {
    const directory = way === 'first' ? bench.directory() : used
    const program = way === 'launcher' ? ['node', join(ROOT, 'bin', 'spillway.mjs')] : undefined
    records.push({ round, way, ...(await start(bench, directory, program)) })
  }
  return records
}

async function start(
  { surroundings }: Bench,
  directory: string,
  program: readonly string[] | undefined,
): Promise<{ readonly ms: number; readonly launcherMb: number | undefined }> {
  mkdirSync(directory, { recursive: true })
  const port = freePort()
  const begin = performance.now()
  const child = launch(spillwayLaunch({ directory, port, core: surroundings.proxyCore }, program))
  const ms = (await accepting(port, child, directory)) - begin
  const launcherMb = program === undefined ? undefined : residentMb(child.pid)
  await child.stop()
  return { ms, launcherMb }
}
