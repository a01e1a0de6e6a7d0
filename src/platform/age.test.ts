/** What is sealed with a passphrase opens with it alone, says why it does not, and holds nothing up. */
import { describe, expect, it } from 'bun:test'
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { GatewayError } from '../core/error.ts'
import { decryptWithPassphrase, encryptWithPassphrase } from './age.ts'

const PASSPHRASE = 'CANARY-correct horse – battery'
const TEXT = '\uFEFF{"apiKey":"CANARY-key"} – ünïcode 🔐\r\n'
const MEGABYTE = 1 << 20

/** Written by age 1.1.1 of Debian: `age --passphrase --armor`, with its own work factor. */
const WRITTEN_BY_AGE = `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBsYVptaHNhUThuaXo3VCtj
aHBvaVZRIDE4CjVZWFFabjNJUnFJRlM3UE1lalh2MSszSzBUZzFyUXRJYkM5YTh4
WTR4bmsKLS0tIG41QzAzN3laZVN2aHMzR3VXd3h0RjhJcFlwQWVIUHBIZk5HWVlC
dDBodVUK9lY+wJbDSVNFD6lkdaUIsGb2Pm7n06haGZKkjFbshQQ5p7gAti/pGNWX
kpDVhniJX9RJ
-----END AGE ENCRYPTED FILE-----`

describe('a text sealed with a passphrase', () => {
  it('comes back whole, byte-order mark and line ends included', async () => {
    const sealed = await encryptWithPassphrase(TEXT, PASSPHRASE)
    expect(sealed).toStartWith('-----BEGIN AGE ENCRYPTED FILE-----\n')
    expect(sealed).not.toContain('CANARY')
    expect(await decryptWithPassphrase(sealed, PASSPHRASE)).toBe(TEXT)
  })

  it('asks an attacker for the work that age asks for', async () => {
    const sealed = await encryptWithPassphrase('', PASSPHRASE)
    expect(headerOf(sealed)).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/)
  })

  it('is read when the age program wrote it', async () => {
    expect(await decryptWithPassphrase(WRITTEN_BY_AGE, PASSPHRASE)).toBe('CANARY-text of age\n')
  })

  it('may have white space around it and line ends of Windows', async () => {
    const sealed = `\r\n${(await cheap(TEXT)).replaceAll('\n', '\r\n')}\r\n \r\n`
    expect(await decryptWithPassphrase(sealed, PASSPHRASE)).toBe(TEXT)
  })

  it('may have 10 MB', async () => {
    const text = 'ä'.repeat(5 * MEGABYTE)
    expect(await decryptWithPassphrase(await cheap(text), PASSPHRASE)).toBe(text)
    expect((await encryptWithPassphrase(text, PASSPHRASE)).length).toBeGreaterThan(10 * MEGABYTE)
  })

  it('may not have more', async () => {
    expect(await refusal(encryptWithPassphrase('ä'.repeat(5 * MEGABYTE + 1), PASSPHRASE))).toEqual({
      code: 'too-large',
      message: 'Only texts of up to 10 MB can be encrypted.',
    })
    expect(await refusal(decryptWithPassphrase('-'.repeat(15 * MEGABYTE), PASSPHRASE))).toEqual({
      code: 'too-large',
      message: 'Only files of up to 10 MB can be decrypted.',
    })
  })

  it('needs a passphrase', async () => {
    expect(await refusal(encryptWithPassphrase(TEXT, ''))).toEqual({
      code: 'bad-request',
      message: 'The passphrase is empty.',
    })
  })
})

describe('a file that does not open', () => {
  it.each([
    ['another passphrase’s', () => cheap(TEXT, 'CANARY-another'), 'The passphrase does not open the file.'],
    ['no file of age', async () => '{"accounts":[]}', 'This is not an age file in text form'],
    ['an empty one', async () => '', 'This is not an age file in text form'],
    ['a binary one', async () => headerOf(await cheap(TEXT)), 'This is not an age file in text form'],
    ['one for a key', forKey, 'The file is encrypted to a key, not with a passphrase.'],
    ['one of a newer version', () => withHeader('/v1\n', '/v2\n'), 'The file is in a version'],
    ['one that asks for minutes', () => withHeader(' 4\n', ' 21\n'), 'The file asks for more work'],
    [
      'one that asks for years',
      () => withHeader(' 4\n', ` ${'9'.repeat(400)}\n`),
      'The file asks for more work',
    ],
    ['one whose work factor is no number', () => withHeader(' 4\n', ' x\n'), 'The file is damaged'],
    ['one with another header', () => withHeader('\n---', '\n-> grease x\n\n---'), 'The file is damaged'],
    ['one with a byte changed', () => changed((file) => flip(file, file.length - 5)), 'The file is damaged'],
    ['one cut off in the text', () => changed((file) => file.subarray(0, -5)), 'The file is damaged'],
    ['one cut off in the header', () => changed((file) => file.subarray(0, 40)), 'The file is damaged'],
    [
      'one without its last line',
      async () => (await cheap(TEXT)).replace(/-----END.*/, ''),
      'The file is damaged',
    ],
    ['armor around nothing', async () => armor.encode(new Uint8Array()), 'The file is damaged'],
    ['one that holds no text', () => cheap(Uint8Array.of(0xff, 0xfe)), 'The file is damaged'],
  ])('says what is wrong with %s', async (_what, file, sentence) => {
    const { code, message } = await refusal(decryptWithPassphrase(await file(), PASSPHRASE))
    expect(code).toBe('bad-request')
    expect(message).toStartWith(sentence)
    expect(message).not.toContain('CANARY')
  })
})

describe('the event loop', () => {
  it('turns while scrypt computes', async () => {
    let turns = 0
    const timer = setInterval(() => {
      turns += 1
    }, 5)
    await encryptWithPassphrase(TEXT, PASSPHRASE)
    clearInterval(timer)
    // On the main thread it would be one or two: before and after.
    expect(turns).toBeGreaterThan(20)
  })
})

/** Sealed with little work, so that a test does not take a second to open it. */
async function cheap(text: string | Uint8Array, passphrase = PASSPHRASE): Promise<string> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  encrypter.setScryptWorkFactor(4)
  return armor.encode(await encrypter.encrypt(text))
}

async function forKey(): Promise<string> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(await identityToRecipient(await generateX25519Identity()))
  return armor.encode(await encrypter.encrypt(TEXT))
}

const headerOf = (armored: string): string => Buffer.from(armor.decode(armored)).toString('latin1')

const withHeader = async (from: string, to: string): Promise<string> =>
  armor.encode(Buffer.from(headerOf(await cheap(TEXT)).replace(from, to), 'latin1'))

const changed = async (change: (file: Uint8Array) => Uint8Array): Promise<string> =>
  armor.encode(change(armor.decode(await cheap(TEXT))))

function flip(file: Uint8Array, index: number): Uint8Array {
  return file.map((byte, at) => (at === index ? byte ^ 1 : byte))
}

async function refusal(work: Promise<string>): Promise<{ code: string; message: string }> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof GatewayError)) throw new Error('It was not refused.')
  return { code: error.code, message: error.message }
}
