// Short messages at the edge of the page. What failed stays until it is taken away by hand.

import { shallowReactive } from 'vue'

import { ApiError } from '../api/client'
import { t } from '../words/language'

export interface PageNotice {
  id: number
  kind: 'done' | 'error'
  text: string
}

const DONE_SHOWN_MS = 5_000
const SHOWN_AT_MOST = 5

export const notices = shallowReactive<PageNotice[]>([])
let last = 0

function add(kind: PageNotice['kind'], text: string): PageNotice {
  last += 1
  const notice = { id: last, kind, text }
  notices.push(notice)
  if (notices.length > SHOWN_AT_MOST) notices.shift()
  return notice
}

export function dismiss(id: number): void {
  const index = notices.findIndex((notice) => notice.id === id)
  if (index >= 0) notices.splice(index, 1)
}

export function tellDone(text: string): void {
  const { id } = add('done', text)
  window.setTimeout(() => dismiss(id), DONE_SHOWN_MS)
}

export function tellError(error: unknown, more = ''): void {
  add('error', more === '' ? errorText(error) : `${errorText(error)}\n${more}`)
}

export function errorText(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error)
  const { status, detail } = error
  if (status === 0) return t('error.no_answer', { detail })
  if (status === 409) return t('error.conflict', { detail })
  if (status === 404) return t('error.not_found', { detail })
  if (status === 403 && detail.startsWith('This asks for the permission')) return t('error.forbidden')
  return t('error.refused', { status, detail })
}
