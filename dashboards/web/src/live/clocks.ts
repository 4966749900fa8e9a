// The two-hour clocks that run, asked for once for everything that shows them.

import { onMounted, onUnmounted, shallowRef } from 'vue'

import { runningClocks } from '../api/client'
import type { ReportClock } from '../api/types'
import { ofDistrict } from './session'

/** Clocks begin and end seldom; the countdown itself runs in the browser. */
const ASK_EVERY_MS = 15_000

export const clocks = shallowRef<ReportClock[]>([])
let watchers = 0
let timer = 0

async function ask(): Promise<void> {
  if (!ofDistrict.value) {
    clocks.value = []
    return
  }
  try {
    clocks.value = await runningClocks()
  } catch {
    // What was known goes on running: a deadline does not go away because the server does.
  }
}

/** Keeps the clocks up while the component is on the page. */
export function watchClocks(): void {
  onMounted(() => {
    watchers += 1
    if (watchers > 1) return
    void ask()
    timer = window.setInterval(() => void ask(), ASK_EVERY_MS)
  })
  onUnmounted(() => {
    watchers -= 1
    if (watchers === 0) window.clearInterval(timer)
  })
}

export const URGENT_MS = 30 * 60_000

export function leftUntil(clock: Pick<ReportClock, 'due_at'>, now: number): number {
  return Date.parse(clock.due_at) - now
}

/** Hours, minutes and seconds that are left; a deadline that has passed stays at nothing. */
export function countdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const part = (value: number) => String(value).padStart(2, '0')
  return `${Math.floor(seconds / 3600)}:${part(Math.floor(seconds / 60) % 60)}:${part(seconds % 60)}`
}
