/** How the documentation's page looks, and the policy that lets it be nothing but that page. */
export const DOCS_STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--text:light-dark(#1b1f24,#e6e9ee);--dim:light-dark(#57606a,#9aa4b0)}
*{box-sizing:border-box}
body{margin:0;display:grid;grid-template-columns:minmax(17rem,22rem) minmax(0,1fr);font:15px/1.5 system-ui,sans-serif;color:var(--text)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem 1.25rem;border-right:1px solid var(--line);font-size:13px}
nav h1{font-size:1.15rem;margin:0}nav h2{font-size:.85rem;margin:1rem 0 .25rem;color:var(--dim)}
nav ul{list-style:none;margin:0;padding:0}nav a{color:inherit;text-decoration:none;overflow-wrap:anywhere}nav a:hover{text-decoration:underline}
main{padding:1rem 2rem 4rem;max-width:62rem}
section>h2{margin:2.5rem 0 0;text-transform:capitalize}
article{border-top:1px solid var(--line);padding:1rem 0}
article:target{background:var(--soft)}
h3{margin:.25rem 0;font-size:1.05rem;overflow-wrap:anywhere}h4{margin:1rem 0 .25rem;font-size:.9rem}
b{font:600 11px/1 ui-monospace,monospace;padding:.15rem .35rem;border-radius:.25rem;background:var(--soft)}
.role,dt span{color:var(--dim)}.role{margin:.25rem 0;font-size:.9rem}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:var(--soft);padding:.75rem 1rem;border-radius:.35rem;overflow:auto}
dl{margin:.25rem 0 .25rem;padding-left:.75rem;border-left:2px solid var(--line)}dt{margin-top:.35rem}dd{margin:0 0 0 1rem}
summary{cursor:pointer;color:var(--dim)}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto;border:0}main{padding:1rem}}
@media print{nav,pre{display:none}body{display:block}}
`

/** For the header Content-Security-Policy: this style, no script, nothing from elsewhere, in no frame. */
export async function docsPolicy(): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(DOCS_STYLE))
  const style = `'sha256-${Buffer.from(digest).toString('base64')}'`
  return `default-src 'none'; style-src ${style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}
