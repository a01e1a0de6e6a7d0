/** `npm run docs`: writes the pages that are made from the program. Does nothing else. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { referencePage } from '../reference.ts'

writeFileSync(join(import.meta.dir, '..', '..', 'docs', 'configuration.md'), referencePage())
