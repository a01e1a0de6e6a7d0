/**
 * Runs the server: opens what it stands on, listens, says where, and on a signal stops
 * accepting, lets running answers end, writes everything down and leaves.
 */
import { isLoopbackHost } from '../core/access.ts'
import { GatewayError, messageOf } from '../core/error.ts'
import { writeErrorEnvelope } from '../dialects/messages/error.ts'
import { systemClock } from '../platform/clock.ts'
import { removeServerNote, writeServerNote } from '../platform/data-directory.ts'
import { createLineOutput, type LineOutput } from '../platform/output.ts'
import { type Server, startServer } from '../platform/server/server.ts'
import type { Settings } from '../settings.ts'
import { openCertificate, type ServedCertificate } from './certificate.ts'
import { type Foundation, isMissing, openFoundation } from './foundation.ts'
import { createGateway, type Gateway } from './gateway.ts'
import type { Places } from './places.ts'
import { VERSION } from './version.ts'

export interface ServeOptions {
  readonly places: Places
  readonly flags: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where the log goes; standard output unless said otherwise. */
  readonly output?: LineOutput
}

export interface RunningGateway {
  readonly url: string
  readonly gateway: Gateway
  /** Lets answers end for at most `graceMs`, then leaves nothing behind. */
  stop(graceMs: number): Promise<void>
}

const SERVER_LIMITS = {
  headBytes: 64 << 10,
  headMs: 15_000,
  idleMs: 120_000,
  bodyPauseMs: 30_000,
  bodyMs: 600_000,
  writeStallMs: 600_000,
}

/** Throws GatewayError with a sentence about whatever prevents the start. */
export async function startGateway(options: ServeOptions): Promise<RunningGateway> {
  const { places, flags, environment, output = createLineOutput(1) } = options
  if (isMissing(places)) {
    throw new GatewayError(
      'not-found',
      `The configuration file ${places.configFile} does not exist. Create it, or leave --config and SPILLWAY_CONFIG out.`,
    )
  }
  const foundation = await openFoundation({
    ...places,
    flags,
    environment,
    isTerminal: process.stdout.isTTY === true,
    writeLog: output.write,
    keepsLogFile: true,
  })
  const certificate = await openCertificateOf(foundation)
  const gateway = createGateway(foundation, {
    environment,
    certificate: certificate?.status,
    logLinesDropped: () => output.dropped + (foundation.logFile?.dropped ?? 0),
  })
  try {
    await gateway.ready()
    const settings = gateway.settings()
    const server = listen(gateway, settings, certificate)
    const url = `${settings.tlsCert === '' ? 'http' : 'https'}://${hostFor(settings.host)}:${server.port}`
    await announce(server, url, places.dataDirectory)
    gateway.keepAccounts()
    const unfollow = certificate?.follow(server, gateway.log)
    return {
      url,
      gateway,
      async stop(graceMs) {
        unfollow?.()
        gateway.endFeeds()
        gateway.endWaits()
        // Whoever waited is told so, before connections are cut.
        await Bun.sleep(0)
        await server.stop(graceMs)
        removeServerNote(places.dataDirectory)
        await gateway.close()
        await output.flush()
      },
    }
  } catch (error) {
    await gateway.close()
    throw error
  }
}

async function openCertificateOf({ config, close }: Foundation): Promise<ServedCertificate | undefined> {
  try {
    return openCertificate(config.settings())
  } catch (error) {
    await close()
    throw error
  }
}

/** Commands find the server by its note; where none can be left, nothing else will be written either. */
async function announce(server: Server, url: string, directory: string): Promise<void> {
  try {
    writeServerNote(directory, { url, pid: process.pid, version: VERSION })
  } catch (cause) {
    await server.stop(0)
    const message = `The data directory ${directory} cannot be written: ${messageOf(cause)}.`
    throw new GatewayError('unavailable', message, { cause })
  }
}

function listen(gateway: Gateway, settings: Settings, certificate: ServedCertificate | undefined): Server {
  const { host, port } = settings
  if (settings.requireKeys === 'off' && !isLoopbackHost(host)) {
    throw new GatewayError(
      'bad-request',
      `Listening on ${host} without client keys would open your accounts to the network. Set requireKeys to "auto" or "always".`,
    )
  }
  try {
    return startServer({
      host,
      port,
      tls: certificate?.atStart,
      handler: gateway.handler,
      clientOf: gateway.clientOf,
      limits: SERVER_LIMITS,
      refusal: (status, message) => writeErrorEnvelope(status, message, undefined),
      elapsed: systemClock.elapsed,
    })
  } catch (cause) {
    throw new GatewayError('unavailable', problemWith(host, port, cause), { cause })
  }
}

function problemWith(host: string, port: number, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use by another program. Stop it, or choose another port with --port.`
    case 'EACCES':
      return `Port ${port} on ${host} may not be used by this user. Choose a port above 1023 with --port.`
    case 'EADDRNOTAVAIL':
      return `The address ${host} is not one of this machine. Choose another with --host.`
    default:
      return `The gateway cannot listen on ${host} port ${port}: ${messageOf(error)}.`
  }
}

/** What a client on this machine writes for an address to listen on. */
function hostFor(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::' || host === '[::]') return '[::1]'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
