/**
 * A notice for a local command: its words as they are, no shell; the notice as JSON on standard
 * input and a few variables. It sees nothing else of the gateway's environment, and is ended with
 * everything that it has started when it takes too long. Its output goes nowhere.
 */
import { messageIdOf, type Notice, toWebhookBody } from '../../core/alerts/notice.ts'
import type { Carried } from '../../core/ports/alerts.ts'

/** What programs need to work at all; nothing of ours, which may be secret. */
const PASSED = [
  'PATH',
  'HOME',
  'USER',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'DISPLAY',
  'DBUS_SESSION_BUS_ADDRESS',
  'XDG_RUNTIME_DIR',
]

export async function runCommand(
  notice: Notice,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Carried> {
  const [name = ''] = argv
  const child = start(notice, argv, environment)
  if (child === undefined) return { kind: 'failed', problem: `The command ${name} could not be started.` }
  const end = (): void => endGroup(child.pid)
  signal.addEventListener('abort', end, { once: true })
  try {
    const code = await child.exited
    if (signal.aborted) return { kind: 'failed', problem: `The command ${name} took too long and was ended.` }
    return code === 0
      ? { kind: 'delivered' }
      : { kind: 'failed', problem: `The command ${name} ended with code ${code}.` }
  } finally {
    signal.removeEventListener('abort', end)
  }
}

function start(
  notice: Notice,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
) {
  const passed = PASSED.flatMap((name) => {
    const value = environment[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  try {
    return Bun.spawn([...argv], {
      env: { ...Object.fromEntries(passed), ...variablesOf(notice) },
      stdin: Buffer.from(toWebhookBody(notice)),
      stdout: 'ignore',
      stderr: 'ignore',
      detached: true,
    })
  } catch {
    return undefined
  }
}

const variablesOf = (notice: Notice): Readonly<Record<string, string>> => ({
  SPILLWAY_ALERT_ID: messageIdOf(notice),
  SPILLWAY_ALERT_TYPE: notice.type,
  SPILLWAY_ALERT_RULE: notice.rule,
  SPILLWAY_ALERT_SEVERITY: notice.severity,
  SPILLWAY_ALERT_MESSAGE: notice.message,
})

/** It leads a group of its own, so what it has started goes with it. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended in this very moment.
  }
}
