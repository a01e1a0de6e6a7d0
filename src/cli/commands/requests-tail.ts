/** `spillway requests tail`: the server's feed, taken up again where it was when a connection breaks. */
import type { LedgerRequest } from '../../api/contract.ts'
import { toApiError } from '../../api/error.ts'
import type { JsonOption } from '../command.ts'
import { costOf, seconds } from '../format.ts'
import { CommandError, EXIT, type Gate, type Shell } from '../shell.ts'

/** How long a server may be away: about as long as it takes to start it again. */
const PATIENCE_MS = 10_000
const PAUSE_MS = 250

/** Goes on until it is stopped, or the server stays away. */
export async function tail(shell: Shell, options: JsonOption, patienceMs = PATIENCE_MS): Promise<void> {
  const gate = await shell.connect()
  if (gate.url === undefined) {
    throw new CommandError(
      EXIT.unreachable,
      'No server is running on this data directory. Start one with "spillway serve".',
    )
  }
  let lastId: string | undefined
  let pieces = await open(gate, lastId)
  for (let text = ''; ; ) {
    const piece = await next(pieces)
    if (piece === undefined) {
      text = ''
      pieces = await reopen(shell, gate, { lastId, patienceMs })
      continue
    }
    const events = (text + piece).split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      lastId = /^id: (.*)$/m.exec(event)?.[1] ?? lastId
      showEvent(shell, event, options)
    }
  }
}

type Pieces = AsyncIterator<string>

async function open({ transport }: Gate, lastId: string | undefined): Promise<Pieces> {
  const headers = lastId === undefined ? {} : { 'last-event-id': lastId }
  const response = await transport('/api/requests/stream', { headers })
  if (!response.ok || response.body === null) throw await toApiError(response)
  return response.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
}

/** Undefined when the connection has ended, in whatever way. */
async function next(pieces: Pieces): Promise<string | undefined> {
  try {
    const { done, value } = await pieces.next()
    return done === true ? undefined : value
  } catch {
    return undefined
  }
}

interface Reopening {
  readonly lastId: string | undefined
  readonly patienceMs: number
}

async function reopen(shell: Shell, gate: Gate, { lastId, patienceMs }: Reopening): Promise<Pieces> {
  shell.output.note('The server has ended the connection. Waiting for it to come back…')
  const deadline = performance.now() + patienceMs
  for (;;) {
    await Bun.sleep(PAUSE_MS)
    try {
      return await open(gate, lastId)
    } catch {
      if (performance.now() < deadline) continue
      throw new CommandError(EXIT.unreachable, `The server at ${gate.url} has gone and did not come back.`)
    }
  }
}

function showEvent({ output }: Shell, event: string, { json }: JsonOption): void {
  const data = /^data: (.*)$/m.exec(event)?.[1]
  if (data === undefined) return
  if (json === true) return output.line(data)
  const row: LedgerRequest = JSON.parse(data)
  const tokens = `${row.inputTokens + row.cacheReadTokens} in ${row.outputTokens} out`
  output.line(
    [
      row.startedAt.slice(11, 19),
      row.account ?? '-',
      row.servedModel ?? row.model ?? '-',
      row.status,
      row.outcome,
      seconds(row.durationMs),
      tokens,
      costOf(row),
    ].join('  '),
  )
}
