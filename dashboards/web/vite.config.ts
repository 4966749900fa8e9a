import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

interface Modules {
  getModuleInfo: (id: string) => { importers: readonly string[] } | null
}

/** Whether the page needs a module before it shows anything: `main.ts` imports it, or what it imports does. */
function neededAtOnce(id: string, modules: Modules, seen = new Set<string>()): boolean {
  if (id.endsWith('/src/main.ts')) return true
  if (seen.has(id)) return false
  seen.add(id)
  return (modules.getModuleInfo(id)?.importers ?? []).some((one) => neededAtOnce(one, modules, seen))
}

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
    rolldownOptions: {
      output: {
        // One file instead of fourteen: each costs a way to the server before the wall can begin.
        advancedChunks: { groups: [{ name: (id, modules) => (neededAtOnce(id, modules) ? 'base' : null) }] },
      },
    },
  },
  server: {
    port: 5173,
    proxy: { '/api': { target: process.env['CAMPUSWATCH_API'] ?? 'http://127.0.0.1:8080', ws: true } },
  },
})
