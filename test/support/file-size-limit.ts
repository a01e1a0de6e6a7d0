/**
 * A disk that is suddenly full for one process: Linux lets a limit on the size of its files be
 * set while it runs, after which every write that would go beyond it fails. Needs no root and
 * no tool; the limit can be lifted again.
 */
import { dlopen, FFIType, ptr } from 'bun:ffi'

export const canLimitFileSize = process.platform === 'linux'

const RLIMIT_FSIZE = 1

function openLibrary() {
  const { i32, ptr: pointer } = FFIType
  return dlopen('libc.so.6', {
    prlimit: { args: [i32, i32, pointer, pointer], returns: i32 },
  }).symbols
}

/** No file of the process may grow beyond so many bytes; undefined: as before. */
export function limitFileSize(pid: number, bytes: number | undefined): void {
  const library = openLibrary()
  const present = new BigUint64Array(2)
  library.prlimit(pid, RLIMIT_FSIZE, null, ptr(present))
  const [, hard = 0n] = present
  const wanted = new BigUint64Array([bytes === undefined ? hard : BigInt(bytes), hard])
  const result = library.prlimit(pid, RLIMIT_FSIZE, ptr(wanted), null)
  if (result !== 0) throw new Error(`The size of files of process ${pid} could not be limited.`)
}
