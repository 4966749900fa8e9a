// What a page asks the server for, once and then again and again while the page is open.

import { onMounted, onUnmounted, ref, shallowRef, type ShallowRef } from 'vue'

import { t } from '../words/language'
import { errorText } from './notices'

export interface Polled<Value> {
  value: ShallowRef<Value | null>
  /** In words; empty while all is well. What was loaded before stays. */
  failure: ShallowRef<string>
  reload: () => Promise<void>
}

/** `everyMs` 0: only on demand. An answer that a newer question has overtaken is dropped. */
export function polled<Value>(ask: () => Promise<Value>, everyMs = 0): Polled<Value> {
  const value = shallowRef<Value | null>(null)
  const failure = ref('')
  let round = 0
  let timer = 0

  async function reload(): Promise<void> {
    round += 1
    const mine = round
    try {
      const answer = await ask()
      if (mine === round) {
        value.value = answer
        failure.value = ''
      }
    } catch (error) {
      if (mine === round) failure.value = t('error.load', { detail: errorText(error) })
    }
  }

  onMounted(() => {
    void reload()
    if (everyMs > 0) timer = window.setInterval(() => void reload(), everyMs)
  })
  onUnmounted(() => {
    round += 1
    window.clearInterval(timer)
  })
  return { value, failure, reload }
}
