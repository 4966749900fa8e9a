// Runs while the page's programs still come: asks who is signed in and, for whom the wall is, opens the stream, so that
// all is there when they can draw it. `live/early.ts` takes it over; what nobody takes is let go.
;(() => {
  const PATIENCE_MS = 30_000
  const heard = []
  let socket = null
  let wanted = true

  function letGo() {
    wanted = false
    heard.length = 0
    if (socket !== null) {
      socket.onmessage = null
      socket.close()
    }
  }

  const forgotten = setTimeout(letGo, PATIENCE_MS)
  const request = { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(10_000) }
  const said = fetch('/api/v1/session', request).then((answer) =>
    answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status))),
  )
  said.then(
    (session) => {
      const { account } = session
      if (!wanted || (session.sign_in !== 'off' && (account === null || account.must_change))) return
      const address = new URL('/api/v1/stream', window.location.href)
      address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
      socket = new WebSocket(address)
      socket.onmessage = (message) => heard.push(message)
    },
    () => undefined,
  )
  globalThis.campuswatchEarly = {
    said,
    takeStream() {
      clearTimeout(forgotten)
      if (!wanted) return null
      wanted = false
      return socket === null ? null : { socket, heard }
    },
  }
})()
