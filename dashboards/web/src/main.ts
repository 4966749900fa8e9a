import { createApp } from 'vue'

import App from './App.vue'
import './element'
import { checkSession } from './live/session'
import './style.css'

/** So long an answer is waited for; then the page says by itself that none comes. */
const PATIENCE_MS = 500

const pause = (ms: number): Promise<void> => new Promise((done) => window.setTimeout(done, ms))

// Drawn once it is known for whom: otherwise all would see the door first, and then the wall. In a task of its own, so
// that the page answers between the beginning of its programs and their first picture.
await Promise.race([checkSession(), pause(PATIENCE_MS)])
await pause(0)
createApp(App).mount('#app')
