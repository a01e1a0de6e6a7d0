/**
 * A certificate and its key as files: read and looked at before anybody is served by them,
 * and read again when they change. Broken files change nothing. Must not listen.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { CertificateStatus } from '../core/certificate.ts'
import { GatewayError, messageOf } from '../core/error.ts'
import { toMillis } from '../core/time.ts'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly facts: Omit<CertificateStatus, 'problem'>
}

/** Throws GatewayError with a sentence: a file that is not there, no PEM, a key of another certificate. */
export function readCertificate({ certFile, keyFile }: CertificateFiles): Certificate {
  const cert = readPem(certFile)
  const key = readPem(keyFile)
  const certificate = understood(certFile, 'a certificate', () => new X509Certificate(cert))
  const privateKey = understood(keyFile, 'a key without a passphrase', () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new GatewayError(
      'bad-request',
      `The key in ${keyFile} does not belong to the certificate in ${certFile}.`,
    )
  }
  const { subject, serialNumber, validTo } = certificate
  return {
    cert,
    key,
    facts: {
      subject: subject.replaceAll('\n', ', '),
      serialNumber,
      expiresAt: toMillis(Date.parse(validTo)),
    },
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new GatewayError('bad-request', `The file ${file} cannot be read: ${messageOf(cause)}.`, { cause })
  }
}

function understood<T>(file: string, what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new GatewayError('bad-request', `The file ${file} does not hold ${what} as PEM.`, { cause })
  }
}

/** Polled, because links that are swapped, as Kubernetes does, are not seen by watching a file. */
const POLL_MS = 2_000

export interface CertificateWatch {
  /** Takes the new one; what it throws is a problem with it. */
  readonly renewed: (certificate: Certificate) => Promise<void>
  /** Called once for each state of the files that cannot be used. */
  readonly failed: (error: unknown) => void
}

/** Returns what ends it. */
export function watchCertificate(files: CertificateFiles, { renewed, failed }: CertificateWatch): () => void {
  let inForce = stampOf(files)
  let doubted: string | undefined
  let isBusy = false
  const look = async (): Promise<void> => {
    const stamp = await stampOf(files)
    if (stamp === (await inForce)) return
    try {
      await renewed(readCertificate(files))
    } catch (error) {
      // Of two files one is written first: only what stays is told of.
      if (doubted !== stamp) {
        doubted = stamp
        return
      }
      failed(error)
    }
    inForce = Promise.resolve(stamp)
  }
  const timer = setInterval(() => {
    if (isBusy) return
    isBusy = true
    void look().finally(() => {
      isBusy = false
    })
  }, POLL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Changes with whatever is written to the files, or put in their place. */
async function stampOf({ certFile, keyFile }: CertificateFiles): Promise<string> {
  const parts = await Promise.all(
    [certFile, keyFile].map(async (file) => {
      const facts = await stat(file).catch(() => undefined)
      return facts === undefined ? 'missing' : `${facts.ino}:${facts.size}:${facts.mtimeMs}`
    }),
  )
  return parts.join(' ')
}
