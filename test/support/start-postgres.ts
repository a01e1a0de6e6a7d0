/** A process of its own that starts PostgreSQL as tests do, says where, and waits to be killed. */
import { postgres } from './postgres.ts'

const found = await postgres()
process.stdout.write(
  `${JSON.stringify(found.kind === 'running' ? { pid: found.server.pid, home: found.server.home } : found)}\n`,
)
setInterval(() => {}, 60_000)
