// Sends every call type with @segment/analytics-next in Chromium, unmodified but for its
// host options, from a page of another origin. Prints {"anonymousId": …}.
// Usage: node browser.mjs SERVER WRITE_KEY CHROMIUM
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { arrived } from './arrived.mjs'
import { launch, patience } from './chromium.mjs'

const [server, writeKey, chromium] = process.argv.slice(2)
const sdk = dirname(createRequire(import.meta.url).resolve('@segment/analytics-next/package.json'))
const page = `<!doctype html><title>Shop 车</title><script src="/umd/index.js"></script><h1>Shop</h1>`

const shop = createServer(async (req, res) => {
  try {
    if (req.url.startsWith('/umd/')) {
      res.setHeader('content-type', 'text/javascript')
      return res.end(await readFile(join(sdk, 'dist', 'umd', new URL(req.url, 'http://x').pathname.slice(5))))
    }
    res.setHeader('content-type', 'text/html; charset=utf-8')
    res.end(page)
  } catch (err) {
    res.statusCode = 404
    res.end(String(err))
  }
})
await new Promise((ready) => shop.listen(0, '127.0.0.1', ready))
const origin = `http://127.0.0.1:${shop.address().port}`

const browser = await launch(chromium)
try {
  const tab = await browser.newPage()
  tab.setDefaultTimeout(patience)
  const refused = []
  tab.on('response', (r) => r.url().startsWith(server) && r.status() >= 400 && refused.push(`${r.status()} ${r.url()}`))
  tab.on('pageerror', (err) => refused.push(String(err)))
  await tab.goto(`${origin}/models?utm_source=weibo&utm_medium=cpc`)
  const anonymousId = await tab.evaluate(
    async ([cdnURL, writeKey]) => {
      const [analytics] = await window.AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL })
      const anonymousId = analytics.user().anonymousId()
      await analytics.page('Models', 'All models')
      await analytics.track('Product Viewed', { product_id: 'p-1', price: 12.5 })
      await analytics.identify('u-42', { email: 'U42@Example.com', name: '王小明' })
      await analytics.track('Checkout Started', { value: 12.5 })
      await analytics.screen('Checkout')
      await analytics.group('dealer-7', { plan: 'gold' })
      await analytics.alias('u-42', anonymousId)
      return anonymousId
    },
    [server, writeKey],
  )
  await arrived(server, 7)
  if (refused.length > 0) throw new Error(refused.join('\n'))
  console.log(JSON.stringify({ anonymousId }))
} finally {
  await browser.close()
  shop.close()
}
