/** A database remembers which secret key its credentials were sealed with, and takes no other. */
import { describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { databases } from '../../test/support/databases.ts'
import { createSecretBox } from '../platform/secret-box.ts'
import { assertKey, isUnsealed } from './key-check.ts'
import { readMeta } from './settings.ts'

const KEY = randomBytes(32)
const PLACE = '/data/secret.key'

describe.each(await databases())('the key check on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('takes any key for a database in which nothing was sealed yet', async () => {
    const database = await its.open()
    expect(await isUnsealed(database)).toBe(true)
    await assertKey(database, createSecretBox(KEY, PLACE), PLACE)
    expect(await isUnsealed(database)).toBe(false)
  })

  it('takes the same key again after a restart, and writes nothing', async () => {
    const database = await its.open()
    await assertKey(database, createSecretBox(KEY, PLACE), PLACE)
    const before = await readMeta(database, 'secret-key-check')
    const again = await its.reopen()
    await assertKey(again, createSecretBox(KEY, PLACE), PLACE)
    expect(await readMeta(again, 'secret-key-check')).toBe(before)
  })

  it('refuses another key with a sentence that names both places, and overwrites nothing', async () => {
    const database = await its.open()
    await assertKey(database, createSecretBox(KEY, PLACE), PLACE)
    const before = await readMeta(database, 'secret-key-check')
    const wrong = assertKey(database, createSecretBox(randomBytes(32), PLACE), PLACE)
    await expect(wrong).rejects.toMatchObject({ code: 'unavailable' })
    await expect(wrong).rejects.toThrow(
      `The secret key in ${PLACE} is not the one that the credentials in ${database.place} were sealed with. ` +
        'Put the right key back; nothing was changed.',
    )
    expect(await readMeta(database, 'secret-key-check')).toBe(before)
    await assertKey(database, createSecretBox(KEY, PLACE), PLACE)
  })

  it('keeps neither the key nor the words that it sealed', async () => {
    const database = await its.open()
    await assertKey(database, createSecretBox(KEY, PLACE), PLACE)
    const kept = (await readMeta(database, 'secret-key-check')) ?? ''
    expect(kept).not.toContain('spillway')
    expect(kept).not.toContain(KEY.toString('base64'))
    expect(kept).not.toContain(KEY.toString('base64url'))
  })
})
