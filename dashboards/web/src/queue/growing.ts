// The head of a long list at once and the rest in the pauses of the page, so that nothing else waits for it.

import { computed, type ComputedRef, onUnmounted, ref, type Ref, watch } from 'vue'

/** As many of the lowest items as this screen has room for. */
const AT_ONCE = Math.ceil(window.screen.height / 44)
const STEP = 20
/** However busy the page is, it goes on after so long. */
const PATIENCE_MS = 500

export function growing<Item>(list: Ref<Item[]>): ComputedRef<Item[]> {
  const count = ref(AT_ONCE)
  let timer = 0

  function grow(): void {
    timer = 0
    count.value += STEP
    next()
  }

  function next(): void {
    if (timer === 0 && count.value < list.value.length) timer = later(grow)
  }

  watch(
    () => list.value.length,
    (length) => {
      // A newcomer must not push out what somebody has before him, were it for a moment only.
      if (length > count.value && length <= count.value + STEP) count.value += STEP
      next()
    },
    { immediate: true },
  )
  onUnmounted(() => forget(timer))
  return computed(() => (count.value < list.value.length ? list.value.slice(0, count.value) : list.value))
}

/** Not every browser knows when it is idle. */
const knowsIdle = typeof window.requestIdleCallback === 'function'

function later(work: () => void): number {
  return knowsIdle ? window.requestIdleCallback(work, { timeout: PATIENCE_MS }) : window.setTimeout(work, 16)
}

function forget(timer: number): void {
  if (knowsIdle) window.cancelIdleCallback(timer)
  else window.clearTimeout(timer)
}
