// One WebSocket that never gives up: connects, watches for silence, reconnects with growing pauses.

import { ref } from 'vue'

import type { StreamFrame, TroubleFrame } from '../api/types'
import { earlyStream } from './early'

/** The server speaks at least every 2 s; after this silence the wall counts as lost. */
export const SILENCE_MS = 4_000
/** A closed socket is forgiven this long, so that a server restart does not make the wall blink. */
export const GRACE_MS = 1_500
const WATCH_MS = 250
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5_000

export type ConnectionState = 'live' | 'lost'

/** Of a page that nobody looks at no frame is painted. */
const UNSEEN_MS = 300

/** When the next frame has been painted. */
function afterPaint(work: () => void): void {
  let done = false
  const once = (): void => {
    if (!done) work()
    done = true
  }
  requestAnimationFrame(() => window.setTimeout(once))
  window.setTimeout(once, UNSEEN_MS)
}

export class Stream {
  readonly state = ref<ConnectionState>('lost')
  /** What the server itself complains of, while it does. */
  readonly trouble = ref<TroubleFrame['what'] | null>(null)
  /** Browser time of the last frame that told the state of things; null before the first one. */
  readonly lastFrameAt = ref<number | null>(null)
  /** Browser time of the next try; null while one is under way or the stream is up. */
  readonly retryAt = ref<number | null>(null)

  private socket: WebSocket | null = null
  /** When anything was heard last, or when the connection was begun. */
  private heardAt = 0
  private closedAt: number | null = null
  private pause = FIRST_PAUSE_MS
  private watch: number | undefined

  constructor(
    private readonly url: string,
    /** `heardAt`: when it came, by the browser's clock. */
    private readonly onFrame: (frame: StreamFrame, heardAt: number) => void,
    /** The server has ended the stream or does not begin it: perhaps nobody is signed in any more. */
    private readonly onClose: () => void = () => undefined,
  ) {}

  start(): void {
    if (this.watch !== undefined) return
    this.connect()
    this.watch = window.setInterval(() => this.check(), WATCH_MS)
    window.addEventListener('online', this.hurry)
    document.addEventListener('visibilitychange', this.hurry)
  }

  stop(): void {
    window.clearInterval(this.watch)
    this.watch = undefined
    window.removeEventListener('online', this.hurry)
    document.removeEventListener('visibilitychange', this.hurry)
    this.drop()
  }

  private connect(): void {
    this.retryAt.value = null
    this.heardAt = Date.now()
    const early = earlyStream()
    const socket = early?.socket ?? new WebSocket(this.url)
    this.socket = socket
    const hear = (message: MessageEvent<string>): void => {
      if (this.socket !== socket) return
      // It may have waited for the page, and is as old as it is.
      this.heardAt = Date.now() - (performance.now() - message.timeStamp)
      this.closedAt = null
      this.pause = FIRST_PAUSE_MS
      const frame = JSON.parse(message.data) as StreamFrame
      if (frame.type === 'trouble') {
        this.trouble.value = frame.what
        this.state.value = 'lost'
        this.onFrame(frame, this.heardAt)
        return
      }
      this.onFrame(frame, this.heardAt)
      this.lastFrameAt.value = this.heardAt
      this.trouble.value = null
      if (Date.now() - this.heardAt <= SILENCE_MS) this.state.value = 'live'
    }
    socket.onclose = () => {
      if (this.socket !== socket) return
      this.retryLater()
      this.onClose()
    }
    if (early === null) socket.onmessage = hear
    else {
      // The page's frame is painted before what it holds.
      afterPaint(() => {
        if (this.socket !== socket) return
        socket.onmessage = hear
        early.heard.splice(0).forEach(hear)
      })
    }
  }

  private check(): void {
    const now = Date.now()
    if (this.retryAt.value !== null && now >= this.retryAt.value) this.connect()
    const last = this.lastFrameAt.value
    const silent = last === null || now - last > SILENCE_MS
    const closed = this.closedAt !== null && now - this.closedAt > GRACE_MS
    if (silent || closed) this.state.value = 'lost'
    if (closed) this.trouble.value = null
    // A half-open connection says nothing and never closes by itself.
    if (this.socket !== null && now - this.heardAt > SILENCE_MS) this.retryLater()
  }

  private retryLater(): void {
    this.drop()
    this.closedAt ??= Date.now()
    // A random part, so that 300 walls do not come back in the same instant.
    this.retryAt.value = Date.now() + this.pause * (0.5 + Math.random() * 0.5)
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS)
  }

  private drop(): void {
    const socket = this.socket
    this.socket = null
    if (socket === null) return
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  private readonly hurry = (): void => {
    if (this.retryAt.value !== null) this.retryAt.value = Date.now()
  }
}
