// A clock that ticks once a second for all ages on the page, and the server's time next to the browser's.

import { computed, ref } from 'vue'

const browserNow = ref(Date.now())
const lead = ref(0)

window.setInterval(() => {
  browserNow.value = Date.now()
}, 1000)

/** The browser's time: for ages of what this browser itself received. */
export const localNow = browserNow

/** The server's time as best known: for ages of what the server reported. A wrong PC clock does no harm. */
export const serverNow = computed(() => browserNow.value + lead.value)

/** The same in steps of ten seconds: for ages without seconds and for what names a day, of which a wall shows hundreds. */
export const serverNowRoughly = computed(() => Math.floor(serverNow.value / 10_000) * 10_000)

/** `heardAt`: when it came that the server's time is ``at``. */
export function heardServerTime(at: string, heardAt: number): void {
  const difference = Date.parse(at) - heardAt
  if (Number.isNaN(difference)) return
  // Small differences are the network's; following them would make ages jump.
  if (Math.abs(difference - lead.value) > 1500) lead.value = difference
}
