/**
 * Header fields as the whole program hands them around: pairs in the order of the wire,
 * names in lower case, repeated fields kept apart. Must not join, sort or drop anything.
 */

export type Header = readonly [name: string, value: string]
export type Headers = readonly Header[]

/** The first value of a field; `name` in lower case. */
export function headerOf(headers: Headers, name: string): string | undefined {
  for (const header of headers) if (header[0] === name) return header[1]
  return undefined
}

/** Every value of a field; `name` in lower case. */
export function headersOf(headers: Headers, name: string): readonly string[] {
  return headers.filter((header) => header[0] === name).map((header) => header[1])
}

/** Media types know no case, and may have parameters (RFC 9110 §8.3.1). */
export const isEventStream = (headers: Headers): boolean => isOfType(headers, 'text/event-stream')

export function isOfType(headers: Headers, type: string): boolean {
  const value = headerOf(headers, 'content-type')
  return value !== undefined && (value.startsWith(type) || value.toLowerCase().startsWith(type))
}
