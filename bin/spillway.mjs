#!/usr/bin/env node
/**
 * The command `spillway`: makes sure that everything is installed, then hands over to
 * src/main.ts on Bun. It must stay plain Node and must not look at the arguments.
 */
import { join } from 'node:path'
import { ensureInstalled, root, runBun } from './runtime.mjs'

ensureInstalled({ development: false })
runBun([join(root, 'src', 'main.ts'), ...process.argv.slice(2)])
