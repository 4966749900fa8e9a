// A long table of which only what is seen is on the page: rows of one height, fetched in stretches as they come into view.

import { computed, onUnmounted, ref, shallowReactive, watch } from 'vue'

export interface Stretch<Row> {
  total: number
  items: Row[]
}

const STRETCH = 100
/** Rows beyond the edges that are drawn as well, so that slow scrolling never shows a gap. */
const BEYOND = 12
/** While somebody drags the bar, stretches that fly by are not asked for. */
const SETTLE_MS = 60
/** Stretches that are kept; the ones fetched first go first. */
const KEPT = 40

export function windowed<Row>(
  rowPx: number,
  ask: (offset: number, limit: number) => Promise<Stretch<Row>>,
  failed: (error: unknown) => void,
) {
  const total = ref(0)
  const top = ref(0)
  const height = ref(600)
  const stretches = shallowReactive(new Map<number, Row[]>())
  const loading = new Set<number>()
  let round = 0
  let timer = 0

  const first = computed(() => Math.max(0, Math.floor(top.value / rowPx) - BEYOND))
  const last = computed(() => Math.min(total.value, Math.ceil((top.value + height.value) / rowPx) + BEYOND))

  const rows = computed(() => {
    const found: { index: number; row: Row | undefined }[] = []
    for (let index = first.value; index < last.value; index += 1) {
      found.push({ index, row: stretches.get(Math.floor(index / STRETCH))?.[index % STRETCH] })
    }
    return found
  })

  async function fetch(number: number): Promise<void> {
    if (loading.has(number)) return
    loading.add(number)
    const mine = round
    try {
      const answer = await ask(number * STRETCH, STRETCH)
      if (mine !== round) return
      total.value = answer.total
      stretches.set(number, answer.items)
      for (const old of stretches.keys()) {
        if (stretches.size <= KEPT) break
        if (old !== number) stretches.delete(old)
      }
    } catch (error) {
      if (mine === round) failed(error)
    } finally {
      if (mine === round) loading.delete(number)
    }
  }

  function fill(): void {
    const end = Math.max(first.value, last.value - 1)
    for (let number = Math.floor(first.value / STRETCH); number <= Math.floor(end / STRETCH); number += 1) {
      if (!stretches.has(number)) void fetch(number)
    }
  }

  watch([first, last], () => {
    window.clearTimeout(timer)
    timer = window.setTimeout(fill, SETTLE_MS)
  })

  /** Everything anew, as after another filter. */
  function restart(): void {
    round += 1
    loading.clear()
    stretches.clear()
    top.value = 0
    void fetch(0)
  }

  /** What is seen anew, without emptying the table meanwhile. */
  function refresh(): void {
    const seen = new Set([Math.floor(first.value / STRETCH), Math.floor(Math.max(first.value, last.value - 1) / STRETCH)])
    for (const number of [...stretches.keys()]) if (!seen.has(number)) stretches.delete(number)
    for (const number of seen) void fetch(number)
  }

  onUnmounted(() => {
    round += 1
    window.clearTimeout(timer)
  })
  return { total, top, height, first, rows, restart, refresh }
}
