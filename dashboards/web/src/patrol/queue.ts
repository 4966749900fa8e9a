// Pictures wait for each other: a browser opens six connections to one server, and the wall needs some of them.

const AT_ONCE = 3

let busy = 0
const waiting: (() => void)[] = []

function next(): void {
  while (busy < AT_ONCE) {
    const one = waiting.shift()
    if (one === undefined) return
    busy += 1
    one()
  }
}

/** Calls `begin` when it is this picture's turn; the answer gives the turn back, or leaves the queue. Call it once. */
export function turn(begin: () => void): () => void {
  let state: 'waiting' | 'begun' | 'over' = 'waiting'
  const mine = () => {
    state = 'begun'
    begin()
  }
  waiting.push(mine)
  next()
  return () => {
    if (state === 'over') return
    if (state === 'begun') busy -= 1
    else waiting.splice(waiting.indexOf(mine), 1)
    state = 'over'
    next()
  }
}
