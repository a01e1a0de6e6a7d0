/** Writes the published traces anew: `bun bench/routing/make-traces.ts`. They are what results are compared on: do not change them lightly. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { generateTraces } from './generate/traces.ts'
import { writeTrace } from './trace-file.ts'
import { traceFile } from './traces.ts'

for (const trace of generateTraces()) {
  const file = traceFile(trace.name)
  mkdirSync(dirname(file), { recursive: true })
  const text = writeTrace(trace)
  writeFileSync(file, text)
  process.stdout.write(
    `${trace.name}: ${trace.requests.length} requests, ${Math.round(text.length / 1_000)} KB\n`,
  )
}
