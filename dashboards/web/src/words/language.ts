// The language in use and the typed way to a text: t('queue.title'). A text with {gaps} demands its values.

import { computed, ref, watchEffect } from 'vue'

import { en } from './en'
import { type Dictionary, type Key, zh } from './zh'

export type Language = 'zh' | 'en'

const STORED = 'campuswatch.language'
const DICTIONARIES: Record<Language, Dictionary> = { zh, en }

type Gaps<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Gaps<Rest> : never
type Values<K extends Key> = Gaps<(typeof zh)[K]> extends never
  ? []
  : [values: Record<Gaps<(typeof zh)[K]>, string | number>]

/** Texts without gaps, which can be chosen by name. */
export type PlainKey = { [K in Key]: Gaps<(typeof zh)[K]> extends never ? K : never }[Key]

export const language = ref<Language>(localStorage.getItem(STORED) === 'en' ? 'en' : 'zh')
export const locale = computed(() => (language.value === 'zh' ? 'zh-CN' : 'en-GB'))

watchEffect(() => {
  localStorage.setItem(STORED, language.value)
  document.documentElement.lang = locale.value
  document.title = DICTIONARIES[language.value]['app.title']
})

function filled(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (gap, name: string) => String(values[name] ?? gap))
}

export function t<K extends Key>(key: K, ...values: Values<K>): string {
  return filled(DICTIONARIES[language.value][key], (values[0] as Record<string, string | number> | undefined) ?? {})
}

/** For words that a newer server may know and this page does not: the dictionary's text, or the raw word. */
export function wordOr(prefix: string, word: string, values: Record<string, string | number> = {}): string {
  const text = (DICTIONARIES[language.value] as Record<string, string>)[`${prefix}.${word}`]
  return text === undefined ? word : filled(text, values)
}

export function switchLanguage(): void {
  language.value = language.value === 'zh' ? 'en' : 'zh'
}
