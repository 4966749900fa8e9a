// In which line of a JSON text a field stands, so that an error can be shown where it is.

/** `path` as the server names fields: `when.all.0.above`; null where the text is no JSON. */
export function lineOf(text: string, path: string): number | null {
  const wanted = path === '' || path === 'document' ? [] : path.split('.')
  let at = 0
  let best = 1

  const line = () => text.slice(0, at).split('\n').length
  const blank = () => {
    while (/\s/.test(text[at] ?? '')) at += 1
  }

  function string(): string {
    const begin = at
    at += 1
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    at += 1
    return JSON.parse(text.slice(begin, at)) as string
  }

  /** Walks over one value; `depth` is how much of the path has led here, -1 when it leads elsewhere. */
  function value(depth: number): void {
    blank()
    if (depth >= 0) best = line()
    if (text[at] === '{' || text[at] === '[') {
      const list = text[at] === '['
      at += 1
      for (let index = 0; ; index += 1) {
        blank()
        if (at >= text.length) throw new Error('cut off')
        if (text[at] === '}' || text[at] === ']') break
        const begin = at
        const name = list ? String(index) : string()
        const fits = depth >= 0 && wanted[depth] === name
        const after = at
        if (fits) {
          at = begin
          best = line()
          at = after
        }
        blank()
        if (!list) at += 1 // the colon
        const kept = best
        value(fits ? depth + 1 : -1)
        if (!fits) best = kept
        blank()
        if (text[at] === ',') at += 1
      }
      at += 1
    } else if (text[at] === '"') string()
    else while (at < text.length && !/[,\]}\s]/.test(text[at]!)) at += 1
  }

  try {
    JSON.parse(text)
    value(0)
    return best
  } catch {
    return null
  }
}

/** The line of a syntax error as the browser words it, or null. */
export function lineOfSyntax(text: string, error: unknown): number | null {
  const said = String(error)
  const line = /line (\d+)/.exec(said)
  if (line !== null) return Number(line[1])
  const place = /position (\d+)/.exec(said)
  return place === null ? null : text.slice(0, Number(place[1])).split('\n').length
}
