/** What the admin API's errors are on the caller's side. Apart from client.ts, so that whoever only tells errors apart need not load the contract. */

/** What the server said was wrong. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
  }
}

export async function toApiError(response: Response): Promise<ApiError> {
  const text = await response.text()
  try {
    const { error } = JSON.parse(text)
    return new ApiError(response.status, String(error.code), String(error.message))
  } catch {
    return new ApiError(
      response.status,
      'unknown',
      `The server answered ${response.status}: ${text.slice(0, 200)}`,
    )
  }
}
