/**
 * Answers that are files: bytes as they are, to be saved and never shown, whatever is in
 * them. One handler for each row of `fileRoutes`.
 */
import type { FileName } from './contract.ts'
import { payloadFileHandlers } from './handlers/payloads.ts'
import type { Services } from './services.ts'

export interface DownloadedFile {
  /** Letters, digits and dashes. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** Each is given the `:id` of its path. Throws GatewayError. */
export type FileHandlers = { readonly [Name in FileName]: (id: string) => Promise<DownloadedFile> }

export const createFiles = (services: Services): FileHandlers => ({ ...payloadFileHandlers(services) })

/** No browser takes it for a page of ours. */
export const toFileResponse = ({ name, bytes }: DownloadedFile, type: string): Response =>
  new Response(Buffer.from(bytes), {
    headers: {
      'content-type': type,
      'content-disposition': `attachment; filename="${name}"`,
      'content-security-policy': "default-src 'none'; sandbox",
    },
  })
