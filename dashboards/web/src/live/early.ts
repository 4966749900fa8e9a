// What `public/early.js` has begun before this program was there. Each part is given away once.

interface EarlyStream {
  socket: WebSocket
  /** What came over it; more is added until somebody else listens. */
  heard: MessageEvent<string>[]
}

interface Early {
  said: Promise<unknown> | null
  takeStream: () => EarlyStream | null
}

const early = (globalThis as { campuswatchEarly?: Early }).campuswatchEarly

/** The answer of who is signed in; null: nobody has asked, or it is taken. */
export function earlySession(): Promise<unknown> | null {
  const said = early?.said ?? null
  if (early !== undefined) early.said = null
  return said
}

/** A connection to the stream that lives; null: there is none, and none will be begun. */
export function earlyStream(): EarlyStream | null {
  const taken = early?.takeStream() ?? null
  return taken !== null && taken.socket.readyState <= WebSocket.OPEN ? taken : null
}
