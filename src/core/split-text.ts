/**
 * The text that a stream of events tells in pieces, put together again, so that what no
 * single event holds whole can be found in it, and led back to the pieces. Pure; reads only
 * where strings begin and end.
 */

interface Place {
  readonly start: number
  readonly end: number
}

export interface SplitText {
  readonly text: string
  /** Where a place of the joined text is in the stream: one place for each piece that it touches. */
  readonly spread: <Span extends Place>(span: Span) => readonly Span[]
}

/** The fields that Anthropic's and OpenAI's streams put pieces of text into. */
const BEGINNING = /"(?:text|thinking|partial_json|content|arguments|delta)"\s{0,8}:\s{0,8}"/g

export function joinedDeltas(stream: string): SplitText {
  const pieces: (Place & { readonly from: number })[] = []
  const texts: string[] = []
  let length = 0
  for (const match of stream.matchAll(BEGINNING)) {
    const from = match.index + match[0].length
    const piece = stream.slice(from, endOfString(stream, from))
    pieces.push({ start: length, end: length + piece.length, from })
    texts.push(piece)
    length += piece.length
  }
  return {
    text: texts.join(''),
    spread: (span) =>
      touched(pieces, span).map(({ start, end, from }) => ({
        ...span,
        start: from + Math.max(span.start, start) - start,
        end: from + Math.min(span.end, end) - start,
      })),
  }
}

function endOfString(stream: string, from: number): number {
  let end = stream.indexOf('"', from)
  while (end >= 0 && isEscaped(stream, end, from)) end = stream.indexOf('"', end + 1)
  return end < 0 ? stream.length : end
}

function isEscaped(stream: string, at: number, from: number): boolean {
  let slashes = 0
  while (at - slashes > from && stream[at - slashes - 1] === '\\') slashes++
  return slashes % 2 === 1
}

function touched<Piece extends Place>(pieces: readonly Piece[], { start, end }: Place): readonly Piece[] {
  let low = 0
  let high = pieces.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((pieces[middle]?.end ?? 0) <= start) low = middle + 1
    else high = middle
  }
  const first = low
  while (low < pieces.length && (pieces[low]?.start ?? end) < end) low++
  return pieces.slice(first, low).filter((piece) => piece.end > piece.start)
}
