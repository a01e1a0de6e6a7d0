/**
 * Runs in a worker of its own: encrypts or decrypts one text in the age format with a
 * passphrase. Answers with the text or with what is wrong with the file; must not put
 * either text or passphrase into anything else.
 */
import { armor, Decrypter, Encrypter, type Identity } from 'age-encryption'
import type { AgeAnswer, AgeProblem, AgeTask } from './age.ts'

declare const self: Worker

const FIRST_LINE = '-----BEGIN AGE ENCRYPTED FILE-----'
const VERSION_LINE = /^age-encryption\.org\/(\S+)\n/
const LONGEST_VERSION_LINE = 100
/** Each step doubles time and memory: 18 is what age writes, 20 takes seconds and 1 GB. */
const HIGHEST_WORK_FACTOR = 20

class AgeFault extends Error {
  readonly problem: AgeProblem

  constructor(problem: AgeProblem) {
    super(problem)
    this.problem = problem
  }
}

self.onmessage = async ({ data }: MessageEvent<AgeTask>) => {
  self.postMessage(await outcome(data))
}

async function outcome({ kind, text, passphrase }: AgeTask): Promise<AgeAnswer> {
  try {
    return { text: kind === 'encrypt' ? await encrypt(text, passphrase) : await decrypt(text, passphrase) }
  } catch (error) {
    if (error instanceof AgeFault) return { problem: error.problem }
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

async function encrypt(text: string, passphrase: string): Promise<string> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  return armor.encode(await encrypter.encrypt(text))
}

async function decrypt(armored: string, passphrase: string): Promise<string> {
  const file = decodeArmor(armored)
  const decrypter = new Decrypter()
  decrypter.addIdentity(asksForPassphrase)
  decrypter.addPassphrase(passphrase)
  decrypter.addIdentity(nothingFitted)
  try {
    const bytes = await decrypter.decrypt(file)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof AgeFault || error instanceof RangeError) throw error
    throw new AgeFault('damaged')
  }
}

function decodeArmor(armored: string): Uint8Array {
  if (!armored.trimStart().startsWith(FIRST_LINE)) throw new AgeFault('not-age')
  let file: Uint8Array
  try {
    file = armor.decode(armored)
  } catch {
    throw new AgeFault('damaged')
  }
  const start = Buffer.from(file.subarray(0, LONGEST_VERSION_LINE)).toString('latin1')
  const version = VERSION_LINE.exec(start)?.[1]
  if (version !== undefined && version !== 'v1') throw new AgeFault('newer-version')
  return file
}

/** Identities are asked one after the other. This first one looks at what the file wants, and opens nothing. */
const asksForPassphrase: Identity = {
  unwrapFileKey(stanzas) {
    const scrypt = stanzas.find(({ args }) => args[0] === 'scrypt')
    if (scrypt === undefined) throw new AgeFault('for-a-key')
    if (Number(scrypt.args[2]) > HIGHEST_WORK_FACTOR) throw new AgeFault('too-costly')
    return null
  },
}

/** Only asked when the passphrase did not open the file. */
const nothingFitted: Identity = {
  unwrapFileKey() {
    throw new AgeFault('wrong-passphrase')
  },
}
