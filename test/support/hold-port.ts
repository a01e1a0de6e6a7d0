/** A port on loopback that is taken by somebody else. */

export function holdPort(): { readonly port: number; readonly release: () => void } {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
  return { port: listener.port, release: () => listener.stop(true) }
}
