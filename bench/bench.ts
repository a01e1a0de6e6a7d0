/**
 * The processes of a run, opened together and closed together: the simulated upstream, the
 * generator, and one of each target. Must not measure.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Options } from './options.ts'
import { canPin, killAll, launchSpeaker, type Speaker } from './processes.ts'
import type { Job, Reply, Results } from './protocol.ts'
import { type Surroundings, TARGETS, type Target, type TargetName } from './targets.ts'

export interface Bench {
  readonly options: Options
  readonly surroundings: Surroundings
  /** Hands a job to the generator and waits for its result; throws what went wrong there. */
  ask<Kind extends Job['kind']>(job: Extract<Job, { readonly kind: Kind }>): Promise<Results[Kind]>
  /** A new one of its kind, in a directory of its own. */
  start(name: TargetName): Promise<Target>
  directory(): string
  say(line: string): void
  close(): Promise<void>
}

export async function openBench(options: Options): Promise<Bench> {
  const root = mkdtempSync(join(tmpdir(), 'spillway-bench-'))
  onInterrupt(() => clean(root))
  try {
    return await openProcesses(options, root)
  } catch (error) {
    clean(root)
    throw error
  }
}

async function openProcesses(options: Options, root: string): Promise<Bench> {
  const core = canPin ? options.loadCore : undefined
  if (core !== undefined) Bun.spawnSync(['taskset', '-a', '-c', '-p', String(core), String(process.pid)])
  const script = (name: string): readonly string[] => [process.execPath, join(import.meta.dir, name)]
  const upstream = launchSpeaker({ command: script('upstream.ts'), core })
  const { port: upstreamPort }: { readonly port: number } = JSON.parse(await upstream.hear())
  const generator = launchSpeaker({ command: script('generator.ts'), core })
  const surroundings = { upstreamPort, proxyCore: canPin ? options.proxyCore : undefined }
  let directories = 0
  const directory = (): string => join(root, String(++directories))
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  return {
    options,
    surroundings,
    ask: <Kind extends Job['kind']>(job: Job) => askGenerator<Kind>(generator, job),
    start: (name) => TARGETS[name].start(surroundings, directory()),
    directory,
    say,
    async close() {
      await Promise.all([generator.stop(), upstream.stop()])
      clean(root)
    },
  }
}

async function askGenerator<Kind extends Job['kind']>(generator: Speaker, job: Job): Promise<Results[Kind]> {
  generator.say(JSON.stringify(job))
  const reply: Reply<Kind> = JSON.parse(await generator.hear())
  if (!reply.ok) throw new Error(`The generator failed: ${reply.message}`)
  return reply.result
}

function clean(root: string): void {
  killAll()
  rmSync(root, { recursive: true, force: true })
}

function onInterrupt(cleanUp: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      cleanUp()
      process.exit(130)
    })
  }
}
