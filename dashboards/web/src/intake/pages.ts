// A list that the server gives page by page.

import { ref, shallowRef } from 'vue'

import type { Page } from '../api/types'
import { errorText } from '../live/notices'
import { t } from '../words/language'

export function paged<Item>(fetchPage: (cursor: string | null) => Promise<Page<Item>>) {
  const items = shallowRef<Item[]>([])
  const next = ref<string | null>(null)
  const failure = ref('')
  const loading = ref(false)
  let round = 0

  async function load(cursor: string | null): Promise<void> {
    round += 1
    const mine = round
    loading.value = true
    try {
      const page = await fetchPage(cursor)
      if (mine !== round) return
      items.value = cursor === null ? page.items : [...items.value, ...page.items]
      next.value = page.next_cursor
      failure.value = ''
    } catch (error) {
      if (mine === round) failure.value = t('error.load', { detail: errorText(error) })
    } finally {
      if (mine === round) loading.value = false
    }
  }

  return { items, next, failure, loading, reload: () => load(null), more: () => load(next.value) }
}
