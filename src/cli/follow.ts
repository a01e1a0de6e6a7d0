/** A stream of the server for a person who watches: taken up again where it was when a connection breaks. */
import type { StreamEvent, StreamName } from '../api/contract.ts'
import { watch } from '../api/watch.ts'
import { CommandError, EXIT, type Gate, type Shell } from './shell.ts'

/** How long a server may be away: about as long as it takes to start it again. */
const PATIENCE_MS = 10_000
const PAUSE_MS = 250

export interface Following<Name extends StreamName> {
  readonly stream: Name
  readonly query?: Readonly<Record<string, string>>
  /** Begin after this one; undefined: with what comes. */
  readonly after?: string | undefined
  readonly show: (event: StreamEvent<Name>) => void
  readonly patienceMs?: number
}

/** Goes on until it is stopped, or the server stays away. */
export async function follow<Name extends StreamName>(
  shell: Shell,
  { stream, query = {}, after, show, patienceMs = PATIENCE_MS }: Following<Name>,
): Promise<never> {
  const gate = await runningGate(shell)
  let lastEventId = after
  const open = () => watch(gate.transport, stream, { query, lastEventId })
  for (let events = await open(); ; events = await reopen(shell, gate, { open, patienceMs })) {
    for await (const event of events) {
      lastEventId = event.id
      show(event)
    }
  }
}

export async function runningGate(shell: Shell): Promise<Gate> {
  const gate = await shell.connect()
  if (gate.url !== undefined) return gate
  throw new CommandError(
    EXIT.unreachable,
    'No server is running on this data directory. Start one with "spillway serve".',
  )
}

interface Reopening<T> {
  readonly open: () => Promise<T>
  readonly patienceMs: number
}

async function reopen<T>(shell: Shell, gate: Gate, { open, patienceMs }: Reopening<T>): Promise<T> {
  shell.output.note('The server has ended the connection. Waiting for it to come back…')
  const deadline = performance.now() + patienceMs
  for (;;) {
    await Bun.sleep(PAUSE_MS)
    try {
      return await open()
    } catch {
      if (performance.now() < deadline) continue
      throw new CommandError(EXIT.unreachable, `The server at ${gate.url} has gone and did not come back.`)
    }
  }
}
