/** Streams that are opened and then left alone, to see what each costs in memory. */
import { requestsFor } from './load.ts'
import type { HoldJob, HoldResult } from './protocol.ts'
import { connectWire, type Wire } from './wire.ts'

/** Opened at the same time. */
const AT_ONCE = 20
const held: Wire[] = []

/** Brings the number of open streams up to `job.streams`. */
export async function holdStreams(job: HoldJob): Promise<HoldResult> {
  const requests = requestsFor(job.to, job.body, 'hold')
  let begun = held.length
  const work = async (): Promise<void> => {
    while (begun < job.streams) {
      const request = requests[begun++ % requests.length]
      const wire = await connectWire(job.to.port)
      held.push(wire)
      if (request !== undefined) await wire.open(request)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return stillOpen()
}

export function releaseStreams(): HoldResult {
  for (const wire of held.splice(0)) wire.close()
  return stillOpen()
}

const stillOpen = (): HoldResult => ({ open: held.filter(({ isOpen }) => isOpen).length })
