/** The certificate of a server that speaks TLS: read at the start, renewed when its files change. */
import type { CertificateStatus } from '../core/certificate.ts'
import { GatewayError, messageOf } from '../core/error.ts'
import type { Log } from '../core/ports/log.ts'
import { toIso } from '../core/time.ts'
import { type Certificate, readCertificate, watchCertificate } from '../platform/certificate.ts'
import type { Server } from '../platform/server/server.ts'
import type { Settings } from '../settings.ts'

export interface ServedCertificate {
  readonly atStart: Certificate
  readonly status: () => CertificateStatus
  /** From now on the server gets what the files hold; returns what ends that. */
  follow(server: Server, log: Log): () => void
}

/** Undefined for a server without TLS. Throws GatewayError. */
export function openCertificate({ tlsCert, tlsKey }: Settings): ServedCertificate | undefined {
  if (tlsCert === '' && tlsKey === '') return undefined
  if (tlsCert === '' || tlsKey === '') {
    throw new GatewayError(
      'bad-request',
      'HTTPS needs both a certificate and its key: --tls-cert and --tls-key.',
    )
  }
  const files = { certFile: tlsCert, keyFile: tlsKey }
  const atStart = readCertificate(files)
  let { facts } = atStart
  let problem: string | undefined
  return {
    atStart,
    status: () => ({ ...facts, problem }),
    follow: (server, log) =>
      watchCertificate(files, {
        async renewed(certificate) {
          await server.renew(certificate)
          facts = certificate.facts
          problem = undefined
          const { subject, serialNumber, expiresAt } = facts
          log.info('A new certificate is shown to clients.', {
            subject,
            serialNumber,
            expiresAt: toIso(expiresAt),
          })
        },
        failed(error) {
          problem = messageOf(error)
          log.error('A new certificate cannot be used; the one before it is still shown.', error)
        },
      }),
  }
}
