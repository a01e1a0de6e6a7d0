/**
 * How long a server lives: until a signal, or until the launcher that started it is gone. A
 * second signal does not wait for anybody.
 */

const WATCH_MS = 1_000
/** One Ctrl-C arrives several times: from the terminal, and from each launcher above that hands it on. */
const ECHO_MS = 1_000

export interface Lifetime {
  /** Resolves with the reason when the server is to stop. */
  readonly ended: Promise<string>
  /** Calls `now` when a signal comes again, a while after the first. */
  onSecondSignal(now: () => void): void
}

/** `launcher`: the process that started this one for somebody; undefined when nobody did. */
export function watchLifetime(launcher: number | undefined): Lifetime {
  const { promise, resolve } = Promise.withResolvers<string>()
  let firstAt: number | undefined
  let second = (): void => {}
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now()
      if (firstAt !== undefined && now - firstAt > ECHO_MS) second()
      firstAt ??= now
      resolve(signal)
    })
  }
  // They mean nothing here, and would end the process: other servers reopen logs or debuggers on them.
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {})
  if (launcher !== undefined) {
    const timer = setInterval(() => {
      if (process.ppid === launcher) return
      clearInterval(timer)
      resolve('the launcher is gone')
    }, WATCH_MS)
    timer.unref()
  }
  return {
    ended: promise,
    onSecondSignal(now) {
      second = now
    },
  }
}
