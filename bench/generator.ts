/**
 * The load generator, a process of its own: reads jobs from its standard input, one a line,
 * and answers each with a line when it is done. It lives through a whole run, so that its own
 * code is warm. Leaves when its standard input ends.
 */
import { holdStreams, releaseStreams } from './held-streams.ts'
import { runLoad, runWarm } from './load.ts'
import type { Job, Reply, Results } from './protocol.ts'

for await (const line of console) {
  if (line === '') continue
  const job: Job = JSON.parse(line)
  process.stdout.write(`${JSON.stringify(await reply(job))}\n`)
}
process.exit(0)

async function reply(job: Job): Promise<Reply> {
  try {
    return { ok: true, result: await perform(job) }
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) }
  }
}

async function perform(job: Job): Promise<Results[Job['kind']]> {
  switch (job.kind) {
    case 'load':
      return runLoad(job)
    case 'warm':
      return runWarm(job)
    case 'hold':
      return holdStreams(job)
    case 'release':
      return releaseStreams()
  }
}
