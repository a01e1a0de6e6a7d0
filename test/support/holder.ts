/** Starts the process that holds a data directory, and ends it without warning. */
import { fileURLToPath } from 'node:url'

export interface Holder {
  readonly pid: number
  /** As `kill -9`; resolves when it is gone. */
  kill(): Promise<void>
}

/** Resolves once the directory is held. */
export async function startHolder(directory: string, url = ''): Promise<Holder> {
  const script = fileURLToPath(new URL('./hold-data-directory.ts', import.meta.url))
  const child = Bun.spawn([process.execPath, script, directory, url], { stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  if (Buffer.from(value ?? []).toString() !== 'held\n') throw new Error('The directory could not be held.')
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
