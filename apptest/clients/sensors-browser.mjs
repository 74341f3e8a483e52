// Runs sa-sdk-javascript in Chromium, unmodified, on a page of another origin, once for
// each way that it can send. Prints {"image": {"anonymousId": …}, …}.
// Usage: node sensors-browser.mjs SERVER_URL CHROMIUM
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { accepted, arrived, items } from './arrived.mjs'
import { launch, patience } from './chromium.mjs'

const [serverURL, chromium] = process.argv.slice(2)
const sdk = dirname(createRequire(import.meta.url).resolve('sa-sdk-javascript/package.json'))
const script = await readFile(join(sdk, 'dist', 'web', 'sensorsdata.js'))
const page = `<!doctype html><meta charset="utf-8"><title>Shop 车</title><script src="/sensorsdata.js"></script><h1>Shop</h1>`

const shop = createServer((req, res) => {
  const isScript = req.url.startsWith('/sensorsdata.js')
  res.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8')
  res.end(isScript ? script : page)
})
await new Promise((ready) => shop.listen(0, '127.0.0.1', ready))
const ways = {
  image: { send_type: 'image' },
  ajax: { send_type: 'ajax' },
  beacon: { send_type: 'beacon' },
  batch: { batch_send: { send_interval: 300 } },
}

const browser = await launch(chromium)
const answers = {}
try {
  for (const [way, options] of Object.entries(ways)) {
    const before = await accepted(serverURL)
    const set = await items(serverURL)
    const context = await browser.newContext()
    const tab = await context.newPage()
    tab.setDefaultTimeout(patience)
    const calls = []
    const failures = []
    tab.on('pageerror', (err) => failures.push(String(err)))
    tab.on('response', (r) => {
      if (!r.url().includes('/sa')) return
      calls.push(r.status())
      if (r.status() !== 200) failures.push(`${r.status()} ${r.url().slice(0, 200)}`)
    })
    tab.on('requestfailed', (r) => r.url().includes('/sa.gif') && failures.push(`${r.failure()?.errorText} ${r.url().slice(0, 200)}`))
    tab.on('console', (m) => m.type() === 'error' && failures.push(m.text()))
    await tab.goto(`http://127.0.0.1:${shop.address().port}/models?utm_source=weibo&utm_medium=cpc`)
    const anonymousId = await tab.evaluate(
      async ([server_url, options, user]) => {
        const sensors = window.sensorsDataAnalytic201505
        sensors.init({ server_url, is_track_single_page: false, show_log: false, ...options })
        const pause = () => new Promise((done) => setTimeout(done, 20)) // each has a time of its own
        const anonymousId = sensors.quick('getAnonymousID')
        sensors.quick('autoTrack')
        for (const act of [
          () => sensors.track('View', { price: 12.5, tags: ['suv'] }),
          () => sensors.setProfile({ nickname: '小明', city: '上海' }),
          () => sensors.setOnceProfile({ first_model: 'S1' }),
          () => sensors.setOnceProfile({ first_model: 'S2' }),
          () => sensors.incrementProfile({ score: 2 }),
          () => sensors.incrementProfile({ score: 0.5 }),
          () => sensors.appendProfile({ likes: ['red'] }),
          () => sensors.appendProfile({ likes: ['blue', 'red'] }),
          () => sensors.unsetProfile('city'),
          () => sensors.login(user),
          () => sensors.track('Buy', { price: 99 }),
          () => sensors.bind('$identity_email', `${user}@example.com`),
          () => sensors.setItem('model', 'S1', { price: 99 }),
          // Images may arrive in any order; a batch keeps it.
          ...(options.batch_send
            ? [() => sensors.bind('$identity_mobile', '13800138001'), () => sensors.unbind('$identity_mobile', '13800138001')]
            : []),
        ]) {
          act()
          await pause()
        }
        return anonymousId
      },
      [serverURL, options, `u-${way}`],
    )
    // $pageview, its profile_set_once, and twelve calls about a person, two more in a batch. The item comes on top;
    // a batch keeps the order, so that it was before the last of them.
    await arrived(serverURL, before + (way === 'batch' ? 16 : 14))
    await arrived(serverURL, set + 1, items)
    if (failures.length > 0) throw new Error(`${way}: ${failures.join('\n')}`)
    answers[way] = { anonymousId, calls: calls.length }
    await context.close()
  }
  console.log(JSON.stringify(answers))
} finally {
  await browser.close()
  shop.close()
}
