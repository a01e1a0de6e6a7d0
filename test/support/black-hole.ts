/**
 * An address that swallows connections: a listening socket whose queue is full, so that the
 * kernel drops every further SYN. Linux only; needs nothing but the C library.
 */
import { dlopen, FFIType, ptr } from 'bun:ffi'
import type { Socket } from 'bun'

export const hasBlackHoles = process.platform === 'linux'

export interface BlackHole {
  readonly port: number
  /** Takes the waiting connections, after which new ones are taken again. */
  stop(): void
}

const AF_INET = 2
const SOCK_STREAM = 1
const ADDRESS_BYTES = 16
/** A connection on loopback that has not come about by then is one that the kernel drops. */
const SURELY_DROPPED_MS = 150

function openLibrary() {
  const { i32, ptr: pointer } = FFIType
  return dlopen('libc.so.6', {
    socket: { args: [i32, i32, i32], returns: i32 },
    bind: { args: [i32, pointer, i32], returns: i32 },
    listen: { args: [i32, i32], returns: i32 },
    getsockname: { args: [i32, pointer, pointer], returns: i32 },
    close: { args: [i32], returns: i32 },
  }).symbols
}

/** `address` is an IPv4 loopback address, `port` 0 takes a free one. */
export async function openBlackHole(address = '127.0.0.1', port = 0): Promise<BlackHole> {
  const library = openLibrary()
  const descriptor = library.socket(AF_INET, SOCK_STREAM, 0)
  const name = Buffer.alloc(ADDRESS_BYTES)
  name.writeUInt16LE(AF_INET, 0)
  name.writeUInt16BE(port, 2)
  name.set(address.split('.').map(Number), 4)
  if (library.bind(descriptor, ptr(name), ADDRESS_BYTES) !== 0 || library.listen(descriptor, 0) !== 0) {
    throw new Error(`There can be no black hole at ${address}:${port}.`)
  }
  const size = Buffer.alloc(4)
  size.writeUInt32LE(ADDRESS_BYTES)
  library.getsockname(descriptor, ptr(name), ptr(size))
  const bound = name.readUInt16BE(2)
  const fillers = await fill(address, bound)
  return {
    port: bound,
    stop() {
      library.close(descriptor)
      for (const filler of fillers) filler.terminate()
    },
  }
}

/** Connects until the queue takes nobody any more. */
async function fill(hostname: string, port: number): Promise<readonly Socket[]> {
  const fillers: Socket[] = []
  for (;;) {
    const connecting = Bun.connect({ hostname, port, socket: { data() {} } })
    connecting.then(
      (socket) => fillers.push(socket),
      () => {},
    )
    const isDropped = await Promise.race([
      connecting.then(() => false),
      Bun.sleep(SURELY_DROPPED_MS).then(() => true),
    ])
    if (isDropped) return fillers
  }
}
