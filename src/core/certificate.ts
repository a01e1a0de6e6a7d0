/** What is to be said of the certificate that this gateway shows. Must not read files. */
import { DAY, type Millis, toIso } from './time.ts'

export interface CertificateStatus {
  /** "CN=gateway.example.com". */
  readonly subject: string
  readonly serialNumber: string
  readonly expiresAt: Millis
  /** Why newer files could not be taken over; undefined when the files are those in force. */
  readonly problem: string | undefined
}

/** So long before its end somebody should know. */
const WARNING_MS = 7 * DAY

export function certificateProblems(
  { expiresAt, problem }: CertificateStatus,
  now: Millis,
): readonly string[] {
  const left = expiresAt - now
  return [
    ...(problem === undefined
      ? []
      : [`The certificate on disk cannot be used, and the one before it is still shown: ${problem}`]),
    ...(left > WARNING_MS
      ? []
      : [`The TLS certificate ${left > 0 ? 'ends' : 'has ended'} at ${toIso(expiresAt)}. Renew its files.`]),
  ]
}
