/**
 * A notice as an e-mail by SMTP. The name of the server is looked up by us, so that a forbidden
 * address is refused as everywhere; the certificate is checked against the name. The library is
 * loaded by the first one.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { EmailConfig } from '../../core/alerts/channel.ts'
import { messageIdOf, type Notice, titleOf, toMailText } from '../../core/alerts/notice.ts'
import type { Carried } from '../../core/ports/alerts.ts'
import type { Resolver } from '../upstream/resolve.ts'

const STEP_MS = 10_000

export async function mail(
  notice: Notice,
  config: EmailConfig,
  resolver: Pick<Resolver, 'resolve'>,
  signal: AbortSignal,
): Promise<Carried> {
  const resolved = await resolver.resolve(config.host)
  if (resolved.kind === 'fault')
    return { kind: 'failed', problem: `The mail server could not be reached: ${resolved.detail}` }
  const socket = connect({ host: resolved.addresses[0] ?? config.host, port: config.port })
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = (): void => {
    socket.destroy()
    reject(new OutOfTime())
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([sendOn(socket, notice, config), ended])
  } catch (error) {
    return { kind: 'failed', problem: problemOf(error) }
  } finally {
    signal.removeEventListener('abort', end)
    socket.destroy()
  }
}

/** The time for all of it is over. */
class OutOfTime extends Error {
  readonly code = 'ETIMEDOUT'
}

/** On a connection of ours, so that it can be ended whatever the server does. */
async function sendOn(socket: Socket, notice: Notice, config: EmailConfig): Promise<Carried> {
  await once(socket, 'connect')
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    connection: socket,
    host: config.host,
    secure: config.security === 'tls',
    requireTLS: config.security === 'starttls',
    ignoreTLS: config.security === 'none',
    tls: { servername: config.host },
    greetingTimeout: STEP_MS,
    socketTimeout: STEP_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...credentialsOf(config),
  })
  await transport.sendMail({
    from: config.from,
    to: [...config.to],
    subject: titleOf(notice),
    text: toMailText(notice),
    headers: { 'x-spillway-alert': messageIdOf(notice) },
  })
  return { kind: 'delivered' }
}

const credentialsOf = ({ username, password }: EmailConfig) =>
  username === undefined ? {} : { auth: { user: username, pass: password ?? '' } }

/** Codes only: what a server says may repeat what it was told. */
function problemOf(error: unknown): string {
  const { code, responseCode } = error instanceof Error ? (error as SmtpError) : {}
  if (typeof responseCode === 'number') return `The mail server refused it with code ${responseCode}.`
  switch (code) {
    case 'EAUTH':
      return 'The mail server does not take the user name and password.'
    case 'ETLS':
    case 'ESOCKET':
      return 'The connection to the mail server failed, or could not be made secure as the channel asks for.'
    case 'ECONNREFUSED':
      return 'The mail server does not take connections at that port.'
    case 'ECONNECTION':
    case 'ETIMEDOUT':
      return 'The mail server did not answer in time.'
    default:
      return `The mail could not be sent${code === undefined ? '' : ` (${code})`}.`
  }
}

interface SmtpError extends Error {
  readonly code?: string
  readonly responseCode?: number
}
