/** The tail of the ledger: taken up where it was when the server comes back, given up when it does not. */
import { describe, expect, it } from 'bun:test'
import { CommandError, EXIT, type Gate, type Shell } from '../shell.ts'
import { tail } from './requests-tail.ts'

describe('the tail', () => {
  it('goes on after the last row that it has shown, through whatever the connection ends by', async () => {
    const { shell, lines, asked } = scripted([
      () => answer('id: 1\ndata: {"n":1}\n\nid: 2\ndata: {"n":2}\n\nid: 3\nda'),
      () => Promise.reject(new Error('refused')),
      () => answer('id: 3\ndata: {"n":3}\n\n: ping\n\n', new Error('reset')),
      () => answer('id: 4\ndata: {"n":4}\n\n'),
    ])
    await expect(tail(shell, { json: true }, 400)).rejects.toThrow(CommandError)
    expect(lines).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}'])
    expect(asked.slice(0, 4)).toEqual([null, '2', '2', '3'])
  })

  it('ends as unreachable, with a sentence, when the server stays away', async () => {
    const { shell } = scripted([() => answer('')])
    const error: unknown = await tail(shell, {}, 0).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CommandError)
    expect(error).toMatchObject({
      exitCode: EXIT.unreachable,
      message: 'The server at http://gateway has gone and did not come back.',
    })
  })

  it('ends when whoever reads it has gone', async () => {
    const { shell } = scripted([() => answer('id: 1\ndata: {}\n\n')])
    const gone = new Error('gone')
    const output = {
      ...shell.output,
      line: () => {
        throw gone
      },
    }
    await expect(tail({ ...shell, output }, { json: true }, 60_000)).rejects.toBe(gone)
  })
})

/** An answer that ends after its text, well or with an error. */
function answer(text: string, error?: Error): Promise<Response> {
  let left = text
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left !== '') controller.enqueue(Buffer.from(left))
      else if (error === undefined) controller.close()
      else controller.error(error)
      left = ''
    },
  })
  return Promise.resolve(new Response(body))
}

function scripted(answers: (() => Promise<Response>)[]) {
  const lines: string[] = []
  const asked: (string | null)[] = []
  const gate: Pick<Gate, 'url' | 'transport'> = {
    url: 'http://gateway',
    transport: (_path, init) => {
      asked.push(new Headers(init.headers).get('last-event-id'))
      return answers.shift()?.() ?? Promise.reject(new Error('refused'))
    },
  }
  const shell: Pick<Shell, 'connect' | 'output'> = {
    connect: async () => gate as Gate,
    output: {
      line: (text = '') => void lines.push(text),
      bytes: () => {},
      note: () => {},
      columns: 80,
      isTerminal: false,
      hasColour: false,
    },
  }
  return { shell: shell as Shell, lines, asked }
}
