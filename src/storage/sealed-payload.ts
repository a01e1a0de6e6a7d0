/**
 * A kept payload as the bytes that are stored: packed, compressed (zstd), then sealed
 * (AES-256-GCM) for the one request that it is of. Must not store or redact anything.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { GatewayError } from '../core/error.ts'
import type { KeptPart, KeptPayload } from '../core/ports/payloads.ts'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LENGTH_BYTES = 4
const NOTHING = new Uint8Array(0)

/** Throws where there is no memory for it. */
export function sealPayload(payload: KeptPayload, key: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(payload.id))
  const text = cipher.update(Bun.zstdCompressSync(pack(payload)))
  return Buffer.concat([nonce, text, cipher.final(), cipher.getAuthTag()])
}

/** Throws GatewayError `unavailable` when it was sealed with another key, for another request, or was changed. */
export function openPayload(id: string, sealed: Uint8Array, key: Uint8Array): KeptPayload {
  try {
    const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES))
    decipher.setAAD(Buffer.from(id)).setAuthTag(sealed.subarray(-TAG_BYTES))
    const text = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES))
    return unpack(Bun.zstdDecompressSync(Buffer.concat([text, decipher.final()])))
  } catch (cause) {
    throw new GatewayError(
      'unavailable',
      `The payload of the request ${id} cannot be opened with this data directory’s key: it was kept under another one, or is damaged.`,
      { cause },
    )
  }
}

type Described = Omit<KeptPart, 'body'>

interface Description extends Omit<KeptPayload, 'request' | 'answer'> {
  readonly request: Described
  readonly answer: Described | undefined
  readonly requestBytes: number
}

/** The length of what follows as JSON, that, and the two bodies as they are. */
function pack({ request, answer, ...exchange }: KeptPayload): Buffer {
  const description: Description = {
    ...exchange,
    request: withoutBody(request),
    answer: answer && withoutBody(answer),
    requestBytes: request.body.length,
  }
  const text = Buffer.from(JSON.stringify(description))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(text.length)
  return Buffer.concat([length, text, request.body, answer?.body ?? NOTHING])
}

const withoutBody = ({ body: _, ...described }: KeptPart): Described => described

function unpack(bytes: Buffer): KeptPayload {
  const textEnd = LENGTH_BYTES + bytes.readUInt32LE()
  const description: Description = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, textEnd))
  const { requestBytes, request, answer, ...exchange } = description
  const requestEnd = textEnd + requestBytes
  // What was undefined is not in JSON.
  const { account, model, servedModel } = exchange
  return {
    ...exchange,
    account,
    model,
    servedModel,
    request: { ...request, body: bytes.subarray(textEnd, requestEnd) },
    answer: answer && { ...answer, body: bytes.subarray(requestEnd) },
  }
}
