/** `serve` and `demo`: a server from its first line on the terminal to its last. */
import { messageOf } from '../core/error.ts'
import { createDemo, type Demo } from './demo.ts'
import { watchLifetime } from './lifetime.ts'
import type { Places } from './places.ts'
import { type RunningGateway, startGateway } from './serve.ts'
import { VERSION } from './version.ts'

export interface RunServerOptions {
  readonly places: Places
  readonly flags: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly isDemo: boolean
}

/** Resolves with the exit code when the server has stopped. */
export async function runServer({ places, flags, environment, isDemo }: RunServerOptions): Promise<number> {
  const lifetime = watchLifetime(launcherOf(environment))
  const demo = isDemo ? createDemo() : undefined
  try {
    const ownPlaces = demo === undefined ? places : { ...places, dataDirectory: demo.dataDirectory }
    const running = await startGateway({
      places: ownPlaces,
      flags: { ...flags, ...demo?.flags },
      environment,
    })
    await demo?.begin(running)
    print(bannerOf(running, ownPlaces, demo))
    const reason = await lifetime.ended
    await stop(running, reason, lifetime.onSecondSignal)
    return 0
  } finally {
    demo?.stop()
  }
}

async function stop(
  running: RunningGateway,
  reason: string,
  onSecondSignal: (now: () => void) => void,
): Promise<void> {
  const { log, settings } = running.gateway
  log.info('Stopping: no new requests, running answers go on to their end. Stop again to cut them off.', {
    reason,
  })
  const { promise: now, resolve } = Promise.withResolvers<void>()
  onSecondSignal(resolve)
  const graceful = running.stop(settings().drainMs)
  const isCut = await Promise.race([graceful.then(() => false), now.then(() => true)])
  if (isCut) await Promise.race([running.stop(0), Bun.sleep(2_000)])
}

const print = (lines: readonly string[]): void => {
  try {
    process.stdout.write(`${lines.join('\n')}\n`)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`)
  }
}

function bannerOf(
  { url, gateway }: RunningGateway,
  { dataDirectory }: Places,
  demo: Demo | undefined,
): readonly string[] {
  const first = `Spillway ${VERSION} listens on ${url} (data in ${dataDirectory}).`
  const open = signInLink(url, gateway)
  const point = `Point a client at it:  export ANTHROPIC_BASE_URL=${url}`
  if (demo !== undefined) {
    return [
      `${first} This is the demonstration: simulated accounts, nothing leaves this machine.`,
      `See it work:           ${command()} status --data-dir ${dataDirectory}`,
      `Watch the requests:    ${command()} requests tail --data-dir ${dataDirectory}`,
      point,
      ...open,
    ]
  }
  if (gateway.accountCount() > 0) return [first, point, ...open]
  return [
    first,
    `No account yet. Add one:  ${command()} accounts add <name> --provider console --api-key-stdin < key.txt`,
    `Or try it without one:    ${inCheckout() ? 'npm start -- --demo' : 'spillway demo'}`,
    `${point}   (or: ${command()} run -- claude)`,
    ...open,
  ]
}

/** For whoever sits at the terminal and for nobody who reads it later from a file. */
const signInLink = (url: string, { makeSignInLink }: RunningGateway['gateway']): readonly string[] =>
  process.stdout.isTTY === true
    ? [`Look at it in a browser (once, within 10 minutes):  ${url}/sign-in#${makeSignInLink()}`]
    : []

/** How the person who started us starts commands. */
const inCheckout = (): boolean => process.env.npm_command !== undefined
const command = (): string => (inCheckout() ? 'npm run -s spillway --' : 'spillway')

function launcherOf({
  SPILLWAY_LAUNCHER_PID: text,
}: Readonly<Record<string, string | undefined>>): number | undefined {
  const pid = Number(text)
  return Number.isInteger(pid) && pid > 1 && pid === process.ppid ? pid : undefined
}
