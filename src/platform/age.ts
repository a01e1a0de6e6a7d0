/**
 * Texts sealed with a passphrase in the age format, armored, as the `age` program reads and
 * writes them. The work is done in a worker that lives for one text, because scrypt computes
 * for a second and more. No passphrase and no text is in a message.
 */
import { GatewayError } from '../core/error.ts'

export type AgeTask = {
  readonly kind: 'encrypt' | 'decrypt'
  readonly text: string
  readonly passphrase: string
}

export type AgeProblem =
  | 'not-age'
  | 'newer-version'
  | 'for-a-key'
  | 'too-costly'
  | 'wrong-passphrase'
  | 'damaged'

export type AgeAnswer =
  | { readonly text: string }
  | { readonly problem: AgeProblem }
  /** A bug or a lack of memory, in the words of what was thrown. */
  | { readonly error: string }

const LARGEST_TEXT_BYTES = 10 << 20
/** Armor takes four bytes for three and an end of line after 64; the rest is header. */
const LARGEST_ARMORED_LENGTH = Math.ceil((LARGEST_TEXT_BYTES * 4 * 65) / (3 * 64)) + (64 << 10)

const SENTENCES: Readonly<Record<AgeProblem, string>> = {
  'not-age':
    'This is not an age file in text form: it does not begin with "-----BEGIN AGE ENCRYPTED FILE-----" (age writes that form with --armor).',
  'newer-version': 'The file is in a version of the age format that Spillway does not know.',
  'for-a-key':
    'The file is encrypted to a key, not with a passphrase. Decrypt it with age and that key, or make it anew with a passphrase (age --passphrase --armor).',
  'too-costly':
    'The file asks for more work than Spillway does to try a passphrase (a scrypt work factor above 20). Make it anew with age’s own setting.',
  'wrong-passphrase': 'The passphrase does not open the file.',
  damaged: 'The file is damaged: something in it was changed, or a part is missing.',
}

/** Throws GatewayError `bad-request` for an empty passphrase, `too-large` above 10 MB. */
export async function encryptWithPassphrase(text: string, passphrase: string): Promise<string> {
  if (passphrase === '') throw new GatewayError('bad-request', 'The passphrase is empty.')
  if (Buffer.byteLength(text) > LARGEST_TEXT_BYTES)
    throw new GatewayError('too-large', 'Only texts of up to 10 MB can be encrypted.')
  return run({ kind: 'encrypt', text, passphrase })
}

/** Throws GatewayError `bad-request` with a sentence when the file does not open, `too-large` above 10 MB. */
export async function decryptWithPassphrase(armored: string, passphrase: string): Promise<string> {
  if (armored.length > LARGEST_ARMORED_LENGTH)
    throw new GatewayError('too-large', 'Only files of up to 10 MB can be decrypted.')
  return run({ kind: 'decrypt', text: armored, passphrase })
}

/** The worker takes the passphrase, the key and the text with it when it ends. */
async function run(task: AgeTask): Promise<string> {
  const worker = new Worker(new URL('./age-worker.ts', import.meta.url).href)
  try {
    return toText(await answerOf(worker, task), task)
  } finally {
    worker.terminate()
  }
}

function answerOf(worker: Worker, task: AgeTask): Promise<AgeAnswer> {
  const { promise, resolve } = Promise.withResolvers<AgeAnswer>()
  worker.onmessage = ({ data }: MessageEvent<AgeAnswer>) => resolve(data)
  worker.onerror = (event) => resolve({ error: event.message })
  worker.addEventListener('close', () => resolve({ error: 'its worker ended' }))
  worker.postMessage(task)
  return promise
}

function toText(answer: AgeAnswer, { kind }: AgeTask): string {
  if ('text' in answer) return answer.text
  if ('problem' in answer) throw new GatewayError('bad-request', SENTENCES[answer.problem])
  throw new GatewayError('unavailable', `The text could not be ${kind}ed.`, {
    cause: new Error(answer.error),
  })
}
