// Dark unless this computer was told otherwise.

import { ref, watchEffect } from 'vue'

export type Theme = 'dark' | 'light'

const STORED = 'campuswatch.theme'

export const theme = ref<Theme>(localStorage.getItem(STORED) === 'light' ? 'light' : 'dark')

watchEffect(() => {
  localStorage.setItem(STORED, theme.value)
  document.documentElement.classList.toggle('dark', theme.value === 'dark')
})

export function switchTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark'
}
