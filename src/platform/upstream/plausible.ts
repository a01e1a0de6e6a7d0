/** Whether what has come so far can still become an HTTP/1 answer, so that nobody waits in vain for its end. */

export const canBecomeHttp = (start: string): boolean => 'HTTP/1.'.startsWith(start.slice(0, 7))
