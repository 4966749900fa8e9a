// What `public/early.js` has begun before this program was there. Each part is given away once.

interface Early {
  said: Promise<unknown> | null
  socket: WebSocket | null
  heard: MessageEvent<string>[]
}

const early = (globalThis as { campuswatchEarly?: Early }).campuswatchEarly

/** The answer of who is signed in; null: nobody has asked, or it is taken. */
export function earlySession(): Promise<unknown> | null {
  const said = early?.said ?? null
  if (early !== undefined) early.said = null
  return said
}

/** A connection to the stream that lives, and what came over it, to which more is added; null: there is none. */
export function earlyStream(): { socket: WebSocket; heard: MessageEvent<string>[] } | null {
  const socket = early?.socket ?? null
  if (early === undefined || socket === null) return null
  early.socket = null
  return socket.readyState <= WebSocket.OPEN ? { socket, heard: early.heard } : null
}
