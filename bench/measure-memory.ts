/**
 * Measures what open streams cost in memory: a new process, a little traffic, then more and
 * more streams that have had their first content and stay silent.
 */
import type { Bench } from './bench.ts'
import { readMemory } from './procfs.ts'
import type { BodySize } from './protocol.ts'
import type { MemoryRecord } from './records.ts'
import { OPEN_STREAMS } from './scenarios.ts'
import { type TargetName, workersOf } from './targets.ts'

/** A process that has served nothing yet would look smaller than it ever is again. */
const FIRST_TRAFFIC = { kind: 'warm', body: 'small', requests: 2_000, connections: 16 } as const
const SETTLE_MS = 2_000

export async function measureMemory(
  bench: Bench,
  { name, body, round }: { readonly name: TargetName; readonly body: BodySize; readonly round: number },
): Promise<readonly MemoryRecord[]> {
  const target = await bench.start(name)
  const { to } = target
  await bench.ask({ ...FIRST_TRAFFIC, to })
  const records: MemoryRecord[] = []
  for (const streams of OPEN_STREAMS) {
    const { open } = await bench.ask({ kind: 'hold', to, body, streams })
    if (open !== streams) throw new Error(`Only ${open} of ${streams} streams stayed open through ${name}.`)
    await Bun.sleep(SETTLE_MS)
    records.push({ round, target: name, body, streams, memory: readMemory(workersOf(target)) })
  }
  await bench.ask({ kind: 'release' })
  await target.stop()
  return records
}
