/** `spillway requests show ID --payload`: what was kept of a request's headers and bodies. */
import type { Answer } from '../../api/contract.ts'
import { toApiError } from '../../api/error.ts'
import { type JsonOption, present } from '../command.ts'
import { fields } from '../format.ts'
import { CommandError, EXIT, type Gate, type Shell } from '../shell.ts'

export interface PayloadOptions extends JsonOption {
  readonly payload?: boolean
  readonly raw?: string
}

type Part = Answer<'showPayload'>['request']

export async function showPayload(
  shell: Shell,
  gate: Gate,
  id: string,
  options: PayloadOptions,
): Promise<void> {
  if (options.raw !== undefined) return writeRaw(shell, gate, id, options.raw)
  const payload = await gate.client.showPayload({ params: { id } })
  present(shell, options, payload, ({ method, target, status, outcome, request, answer }) => {
    showPart(shell, `REQUEST  ${method} ${target}`, request)
    shell.output.line()
    if (answer === null) shell.output.line('ANSWER  none: the client left before.')
    else showPart(shell, `ANSWER  ${status} ${outcome}`, answer)
  })
}

/** Byte for byte, for files and pipes: a terminal would take some of them for commands. */
async function writeRaw({ output }: Shell, { transport }: Gate, id: string, side: string): Promise<void> {
  if (side !== 'request' && side !== 'answer')
    throw new CommandError(EXIT.usage, `There is no body "${side}"; use --raw request or --raw answer.`)
  if (output.isTerminal)
    throw new CommandError(
      EXIT.usage,
      'The bytes are not for a terminal; send them to a file: … --raw answer > file',
    )
  const response = await transport(`/api/requests/${encodeURIComponent(id)}/payload/${side}`, {
    method: 'GET',
  })
  if (!response.ok) throw await toApiError(response)
  output.bytes(new Uint8Array(await response.arrayBuffer()))
}

function showPart(
  { output }: Shell,
  title: string,
  { headers, size, kept, encoding, body, redactions }: Part,
): void {
  output.line(title)
  fields(output, [
    ...headers.map(([name, value]) => [name, printable(value)] as const),
    ['body', `${size} bytes${NOTES[kept]}`],
    ['blotted out', redactions.map(({ rule, count }) => `${count} × ${rule}`).join(', ') || undefined],
  ])
  if (body === '') return
  output.line()
  output.line(encoding === 'utf-8' ? printable(body) : '(not text; --raw writes its bytes)')
}

const NOTES: Readonly<Record<Part['kept'], string>> = {
  whole: '',
  beginning: ', of which the beginning was kept',
  nothing: ', which were not kept',
}

/** Controls could rewrite what a terminal shows; ends of lines and tabs are wanted. */
const printable = (text: string): string =>
  text.replaceAll(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
