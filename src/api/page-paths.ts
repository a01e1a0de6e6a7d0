/**
 * The pages that a link on another site may lead to: they change nothing, and what they show
 * depends on a cookie that does not come along. Apart from the contract, because the door asks
 * before that is loaded; door-routes.ts names them too, and a test compares.
 */

const PAGES: ReadonlySet<string> = new Set(['/sign-in', '/dashboard', '/api/sign-in/oidc/callback'])

export const isPage = (path: string): boolean => PAGES.has(path)
