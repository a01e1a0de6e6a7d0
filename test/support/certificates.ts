/** Certificates for tests of TLS: an authority of our own and what it, or nobody, has signed. */
import { generate } from 'selfsigned'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface CertificatePlan {
  readonly host?: string
  readonly address?: string
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Signs it; without one it signs itself. */
  readonly authority?: Certificate
}

const SHARED = { keyType: 'ec', algorithm: 'sha256' } as const
const named = (value: string) => [{ name: 'commonName', value }]

export async function createAuthority(): Promise<Certificate> {
  const made = await generate(named('A test’s authority'), {
    ...SHARED,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  return { cert: made.cert, key: made.private }
}

export async function createCertificate(plan: CertificatePlan = {}): Promise<Certificate> {
  const { host = 'localhost', address, notBefore, notAfter, authority } = plan
  const addresses = address === undefined ? [] : [{ type: 7, ip: address } as const]
  const made = await generate(named(host), {
    ...SHARED,
    ...(notBefore === undefined ? {} : { notBeforeDate: notBefore }),
    ...(notAfter === undefined ? {} : { notAfterDate: notAfter }),
    ...(authority === undefined ? {} : { ca: authority }),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: host }, ...addresses] },
    ],
  })
  return { cert: made.cert, key: made.private }
}
