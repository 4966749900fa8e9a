import { createApp } from 'vue'

import App from './App.vue'
import './element'
import './style.css'

createApp(App).mount('#app')
