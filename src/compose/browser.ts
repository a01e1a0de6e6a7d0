/** Opens a page in the person's browser, where this machine has one. Must not wait for it. */

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  linux: ['xdg-open'],
}

/** Says whether it was tried: over SSH and in containers there is nothing to show a page on. */
export function openBrowser(url: string, environment: NodeJS.ProcessEnv): boolean {
  const opener = OPENERS[process.platform]
  const hasScreen =
    process.platform === 'darwin' || Boolean(environment.DISPLAY) || Boolean(environment.WAYLAND_DISPLAY)
  if (opener === undefined || !hasScreen || environment.SSH_CONNECTION) return false
  try {
    Bun.spawn([...opener, url], { stdio: ['ignore', 'ignore', 'ignore'] }).unref()
    return true
  } catch {
    return false
  }
}
