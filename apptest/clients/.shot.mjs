import { launch } from './chromium.mjs'
const [base, out, lang, scheme, ...paths] = process.argv.slice(2)
const b = await launch('/usr/bin/chromium')
const ctx = await b.newContext({ viewport: { width: 1440, height: 900 }, locale: lang, colorScheme: scheme })
const p = await ctx.newPage()
p.on('console', m => m.type() === 'error' && console.log('console:', m.text()))
p.on('pageerror', e => console.log('pageerror', e.message))
for (const path of paths) {
  await p.goto(base + path, { waitUntil: 'load' })
  await p.waitForTimeout(2500)
  await p.screenshot({ path: `${out}/${(path.split('?')[0].replace(/\//g, '_') || '_')}-${lang}-${scheme}.png` })
}
await b.close()
