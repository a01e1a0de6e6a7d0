/** A page of ours: it runs and loads nothing from elsewhere, and stands in no frame. */
import { html } from 'hono/html'

export type Markup = ReturnType<typeof html>

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export interface PageOptions {
  readonly status?: number
  /** Where the browser goes by itself. */
  readonly next?: string
}

export async function page(
  title: string,
  content: Markup,
  { status = 200, next }: PageOptions = {},
): Promise<Response> {
  const refresh = next === undefined ? '' : html`<meta http-equiv="refresh" content="0;url=${next}">`
  const text = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh}
<title>${title}</title>
<link rel="stylesheet" href="/sign-in.css">
<script src="/sign-in.js" defer></script>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`
  const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY }
  return new Response(String(text), { status, headers })
}
