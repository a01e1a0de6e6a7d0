/**
 * A process of its own that holds a data directory as a server does, note and all, and does
 * nothing else until it is killed. Arguments: the directory, the address to note.
 */
import { writeSync } from 'node:fs'
import { openDataDirectory, writeServerNote } from '../../src/platform/data-directory.ts'

const [path = '', url = ''] = process.argv.slice(2)
openDataDirectory(path)
if (url !== '') writeServerNote(path, { url, pid: process.pid, version: 'test' })
// A lock that nobody refers to any more must hold all the same.
Bun.gc(true)
writeSync(1, 'held\n')
setInterval(() => {}, 60_000)
