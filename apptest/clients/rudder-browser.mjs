// Runs @rudderstack/analytics-js in Chromium, unmodified but for its two addresses, on a
// page of another origin, once for each way that it can send. Prints {"xhr": {"anonymousId": …}, …}.
// Usage: node rudder-browser.mjs SERVER WRITE_KEY CHROMIUM
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { accepted, arrived } from './arrived.mjs'
import { launch, patience } from './chromium.mjs'

const [server, writeKey, chromium] = process.argv.slice(2)
const sdk = dirname(createRequire(import.meta.url).resolve('@rudderstack/analytics-js/bundled'))
const script = await readFile(join(sdk, '..', 'umd', 'index.js'))
const page = `<!doctype html><meta charset="utf-8"><title>Shop 车</title><script src="/rsa.js"></script><h1>Shop</h1>`

const shop = createServer((req, res) => {
  const isScript = req.url.startsWith('/rsa.js')
  res.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8')
  res.end(isScript ? script : page)
})
await new Promise((ready) => shop.listen(0, '127.0.0.1', ready))
const ways = {
  xhr: {},
  beacon: { useBeacon: true, beaconQueueOptions: { flushQueueInterval: 300 } },
  batch: { queueOptions: { batch: { enabled: true, flushInterval: 300 } } },
}

const browser = await launch(chromium)
const answers = {}
try {
  for (const [way, options] of Object.entries(ways)) {
    const before = await accepted(server)
    const context = await browser.newContext()
    const tab = await context.newPage()
    tab.setDefaultTimeout(patience)
    const failures = []
    tab.on('pageerror', (err) => failures.push(String(err)))
    tab.on('console', (m) => m.type() === 'error' && failures.push(m.text()))
    tab.on('response', (r) => {
      if (!r.url().startsWith(server)) return
      if (r.status() >= 400) failures.push(`${r.status()} ${r.url()}`)
    })
    await tab.goto(`http://127.0.0.1:${shop.address().port}/models?utm_source=weibo&utm_medium=cpc`)
    const anonymousId = await tab.evaluate(
      async ([server, writeKey, options, user]) => {
        const analytics = new window.rudderanalytics.RudderAnalytics()
        analytics.load(writeKey, server, { configUrl: server, ...options })
        await new Promise((done) => analytics.ready(done))
        const anonymousId = analytics.getAnonymousId()
        analytics.page('Models', 'All models')
        analytics.track('Product Viewed', { price: 12.5 })
        analytics.identify(user, { email: `${user}@example.com`, name: '王小明' })
        analytics.group('dealer-7', { plan: 'gold' })
        analytics.track('Checkout Started', { value: 12.5 })
        return anonymousId
      },
      [server, writeKey, options, `r-${way}`],
    )
    await arrived(server, before + 5)
    if (failures.length > 0) throw new Error(`${way}: ${failures.join('\n')}`)
    answers[way] = { anonymousId }
    await context.close()
  }
  console.log(JSON.stringify(answers))
} finally {
  await browser.close()
  shop.close()
}
