// Prints the mini-program SDK as it is shipped.
import { readFileSync } from 'node:fs'
import { minify } from 'terser'

const source = readFileSync(new URL('../../sdk/miniprogram/touchstone.src.js', import.meta.url), 'utf8')
const { code } = await minify(source, {
  ecma: 2015, toplevel: true, compress: { passes: 2 },
  format: { preamble: '// Touchstone mini-program SDK 1.0.0; see docs/api/miniprogram.md' },
})
console.log(code)
