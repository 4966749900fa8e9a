import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// The build hook passes --outDir itself; the default serves those who run `npm run build` by hand.
export default defineConfig({
  plugins: [vue()],
  base: '/',
  build: {
    outDir: '../static',
    emptyOutDir: true,
    target: ['chrome109', 'firefox115', 'safari16.4'], // Chrome 109 is the last one for old control-room PCs
    chunkSizeWarningLimit: 700,
    reportCompressedSize: true,
  },
  server: {
    port: 5173,
    proxy: { '/api': { target: process.env['CAMPUSWATCH_API'] ?? 'http://127.0.0.1:8080', ws: true } },
  },
})
