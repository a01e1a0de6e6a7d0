/** Receivers of alerts over real sockets: one of webhooks that keeps what it got, and a mail server that speaks SMTP. */
import type { Socket } from 'bun'

export interface ReceivedPost {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Receiver {
  readonly url: string
  readonly posts: readonly ReceivedPost[]
  /** What it answers from now on. */
  answer(make: (post: ReceivedPost) => Response | Promise<Response>): void
  stop(): void
}

export function startReceiver(): Receiver {
  const posts: ReceivedPost[] = []
  let make: (post: ReceivedPost) => Response | Promise<Response> = () => new Response(null, { status: 204 })
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const url = new URL(request.url)
      const post = {
        path: `${url.pathname}${url.search}`,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      }
      posts.push(post)
      return make(post)
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    posts,
    answer(next) {
      make = next
    },
    stop: () => void server.stop(true),
  }
}

export interface MailServer {
  readonly port: number
  /** Whole messages, as they came after DATA. */
  readonly mails: readonly string[]
  /** Every line of the client's that was not a message's. */
  readonly commands: readonly string[]
  /** Refuses recipients from now on. */
  refuse(): void
  stop(): void
}

interface Talk {
  held: string
  isData: boolean
}

export function startMailServer(): MailServer {
  const mails: string[] = []
  const commands: string[] = []
  let isRefusing = false
  const say = (socket: Socket<Talk>, line: string): void => void socket.write(`${line}\r\n`)
  const hear = (socket: Socket<Talk>, line: string): void => {
    commands.push(line)
    const word = line.slice(0, 4).toUpperCase()
    if (word === 'EHLO') {
      socket.write('250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n')
    } else if (word === 'AUTH') {
      say(socket, '235 ok')
    } else if (word === 'RCPT' && isRefusing) {
      say(socket, '550 no such user CANARY-echo')
    } else if (word === 'DATA') {
      socket.data.isData = true
      say(socket, '354 go on')
    } else {
      say(socket, word === 'QUIT' ? '221 bye' : '250 ok')
    }
  }
  const take = (socket: Socket<Talk>): void => {
    for (;;) {
      const mark = socket.data.isData ? '\r\n.\r\n' : '\r\n'
      const end = socket.data.held.indexOf(mark)
      if (end < 0) return
      const text = socket.data.held.slice(0, end)
      socket.data.held = socket.data.held.slice(end + mark.length)
      if (socket.data.isData) {
        mails.push(text)
        socket.data.isData = false
        say(socket, '250 queued')
      } else hear(socket, text)
    }
  }
  const listener = Bun.listen<Talk>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { held: '', isData: false }
        say(socket, '220 mail.test')
      },
      data(socket, bytes) {
        socket.data.held += bytes.toString('latin1')
        take(socket)
      },
    },
  })
  return {
    port: listener.port,
    mails,
    commands,
    refuse() {
      isRefusing = true
    },
    stop: () => listener.stop(true),
  }
}
