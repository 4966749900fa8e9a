// Runs while the page's programs still come: asks who is signed in and, for whom the wall is, opens the stream, so that
// all is there when they can draw it. `live/early.ts` takes it over.
;(() => {
  const early = { said: null, socket: null, heard: [] }
  globalThis.campuswatchEarly = early
  const request = { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(10_000) }
  early.said = fetch('/api/v1/session', request).then((answer) =>
    answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status))),
  )
  early.said.then(
    (session) => {
      const { account } = session
      if (session.sign_in !== 'off' && (account === null || account.must_change)) return
      const address = new URL('/api/v1/stream', window.location.href)
      address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
      early.socket = new WebSocket(address)
      early.socket.onmessage = (message) => early.heard.push(message)
    },
    () => undefined,
  )
})()
