/** Whoever follows a stream is taken up where they were when the server comes back, and told when it does not. */
import { describe, expect, it } from 'bun:test'
import { follow } from './follow.ts'
import { CommandError, EXIT, type Gate, type Shell } from './shell.ts'

describe('following', () => {
  it('goes on after the last event that it has shown, through whatever the connection ends by', async () => {
    const { shell, lines, asked } = scripted([
      () => answer(`${event(1)}${event(2)}id: 3\nevent: request\nda`),
      () => Promise.reject(new Error('refused')),
      () => answer(`${event(3)}: ping\n\n`, new Error('reset')),
      () => answer(event(4)),
    ])
    await expect(followed(shell, 400)).rejects.toThrow(CommandError)
    expect(lines).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}'])
    expect(asked.slice(0, 4)).toEqual([null, '2', '2', '3'])
  })

  it('ends as unreachable, with a sentence, when the server stays away', async () => {
    const { shell } = scripted([() => answer('')])
    const error: unknown = await followed(shell, 0).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CommandError)
    expect(error).toMatchObject({
      exitCode: EXIT.unreachable,
      message: 'The server at http://gateway has gone and did not come back.',
    })
  })

  it('ends when whoever reads it has gone', async () => {
    const { shell } = scripted([() => answer(event(1))])
    const gone = new Error('gone')
    const output = {
      ...shell.output,
      line: () => {
        throw gone
      },
    }
    await expect(followed({ ...shell, output }, 60_000)).rejects.toBe(gone)
  })
})

const event = (number: number): string => `id: ${number}\nevent: request\ndata: {"n":${number}}\n\n`

const followed = (shell: Shell, patienceMs: number): Promise<never> =>
  follow(shell, {
    stream: 'streamRequests',
    show: ({ data }) => shell.output.line(JSON.stringify(data)),
    patienceMs,
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
