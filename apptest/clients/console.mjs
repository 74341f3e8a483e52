// What the console owes to whoever works with it all day: charts that stay under the pointer, links that never break a
// page, the keyboard, buttons that come free after an error, changes that are not lost, exact figures. Answers that
// matter are made up here, so that a page shows the same on every server.
// Usage: node console.mjs SERVER CHROMIUM SCREENSHOTS
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { launch } from './chromium.mjs'

const [server, chromium, shots] = process.argv.slice(2)
await mkdir(shots, { recursive: true })
const browser = await launch(chromium)
const faults = []
const day = 86_400_000
const from = Date.now() - 10 * day
const person = (id, name, more) => ({
  id, name, known: true, identifiers: [{ kind: 'user_id', value: `u-${id}` }], first_seen: new Date(from).toISOString(),
  last_seen: new Date().toISOString(), events: 3, channels: ['web'], city: '上海', ...more,
})
const longName = 'A name that somebody pasted from a sheet and that goes on and on '.repeat(6)
const answers = {
  'GET catalogue/events': {
    items: ['Order Completed', 'Model Viewed'].map((event, i) => ({
      event, type: 'track', count: 900 - i, persons: 90, first_seen: new Date(from).toISOString(),
      last_seen: new Date().toISOString(), daily: [],
    })),
    next_cursor: '',
  },
  'GET catalogue/traits': { items: [{ trait: 'city', type: 'string', fill_rate: 1, examples: ['上海'] }, { trait: 'vehicle_owner', type: 'boolean', fill_rate: 0.4, examples: [true] }], next_cursor: '' },
  'POST query': {
    columns: [{ name: 'time', type: 'time' }, { name: 'series', type: 'number' }, { name: 'value', type: 'number' }],
    rows: Array.from({ length: 10 }, (_, i) => [new Date(from + i * day).toISOString(), 0, 100]),
    meta: { elapsed_ms: 4, scanned_events: 900, sql: '', fresh_to: new Date().toISOString(), truncated: false },
  },
  'POST segments/preview': { members: 1204, of: 20412, sample: [person('p_1', '王小明')], leaves: [], elapsed_ms: 3 },
  'GET persons': { items: [person('p_long', longName, { city: longName }), person('p_1', '王小明')], next_cursor: '' },
}

async function open(lang = 'en-US') {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: lang, timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(15000)
  page.on('pageerror', (err) => faults.push(`${page.url()}: ${err.message}`))
  await page.route('**/api/v1/**', (route) => {
    const url = new URL(route.request().url())
    const key = `${route.request().method()} ${url.pathname.slice('/api/v1/'.length)}`
    return key in answers ? route.fulfill({ json: answers[key] }) : route.fallback()
  })
  return page
}
const shot = (page, name) => page.screenshot({ path: `${shots}/console-${name}.png` })
const visit = async (page, path) => {
  await page.goto(server + path)
  await page.getByRole('heading').first().waitFor()
}

const checks = {
  async 'bars stay under the pointer'(page) {
    await visit(page, `/analytics?trend=${encodeURIComponent(JSON.stringify({ series: [{ event: 'Order Completed', measure: 'count' }], chart: 'bar', interval: 'day' }))}`)
    const canvas = page.locator('.trend-chart canvas')
    await canvas.waitFor()
    await page.waitForFunction(() => !document.querySelector('.trend-chart .chart-skeleton'))
    const box = await canvas.boundingBox()
    // The colour of the middle of the plot, where the tallest bars stand, counted over the row of pixels.
    const coloured = () =>
      canvas.evaluate((c) => {
        const { data } = c.getContext('2d').getImageData(0, Math.round(c.height * 0.6), c.width, 1)
        let n = 0
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) n++
        return n
      })
    await page.waitForTimeout(300)
    const before = await coloured()
    assert.ok(before > 50, `the bars are not drawn: ${before} coloured pixels`)
    for (const x of [0.3, 0.5, 0.7]) {
      await page.mouse.move(box.x + box.width * x, box.y + box.height * 0.5)
      await page.waitForTimeout(250)
      const now = await coloured()
      assert.ok(now > before * 0.98, `of ${before} coloured pixels ${now} are left under the pointer`)
    }
    await shot(page, 'bars')
  },

  async 'damaged links open their pages and say so'(page) {
    const rule = JSON.stringify({ and: [{ trait: 'city', op: 'eq', value: '上海' }, { event: 'Model Viewed', count: { op: 'gte', value: 2 }, within: '30d' }] })
    const funnel = JSON.stringify({ steps: [{ event: 'Model Viewed' }, { event: 'Order Completed' }] })
    const links = [
      `/segments/new?rule=${encodeURIComponent(rule).slice(0, -20)}`,
      `/segments/new?rule=${encodeURIComponent('{"and":[{"trait":{"x":1},"op":"eq"},{"event":"e","where":[{"property":{},"op":"eq"}],"count":7}]}')}`,
      `/analytics?tab=funnel&funnel=${encodeURIComponent(funnel).slice(0, -14)}`,
      '/analytics?range=0000-01-01~9999-12-31', '/analytics?range=2026-02-30~2026-03-01', '/analytics?tab=nonsense&by=5',
      '/analytics?filters=%5B%7B%22op%22%3A%22eq%22%2C%22property%22%3A%7B%7D%7D%5D',
      '/?behind=%7B%22title%22%3A', '/people?behind=%7B%22title%22%3A%22x%22%2C%22query%22%3A%5B%5D%7D', '/people?sort=%7B', '/settings?tab=owner',
    ]
    for (const link of links) {
      await visit(page, link)
      const text = await page.locator('body').innerText()
      assert.ok(!/stopped working|\[object Object\]|Invalid/.test(text), `${link}\n${text}`)
      await page.getByTestId('link-notice').waitFor().catch(() => assert.fail(`${link} says nothing`))
    }
    await visit(page, links[0])
    assert.equal(await page.getByTestId('rule-condition').count(), 2, 'what was whole of the rule is there')
    await shot(page, 'damaged-link')
    for (const path of ['/people/%E4%B8', '/segments/%F0%9F']) {
      await visit(page, path)
      assert.ok(await page.getByRole('navigation').first().isVisible(), path)
    }
    await visit(page, '/people?q=9007199254740993&utm_source=mail')
    assert.equal(await page.getByTestId('link-notice').count(), 0, 'a whole link needs no notice')
    assert.equal(await page.locator('main input').first().inputValue(), '9007199254740993')
  },

  async 'the keyboard can be seen on links and buttons'(page) {
    await visit(page, '/people')
    await page.getByText('王小明').first().waitFor()
    const seen = new Set()
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab')
      const at = await page.evaluate(() => {
        const e = document.activeElement
        const s = getComputedStyle(e)
        return { tag: e.tagName, name: (e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 40), ring: s.outlineStyle !== 'none' && Number.parseFloat(s.outlineWidth) >= 2 }
      })
      if (at.tag === 'INPUT' || at.tag === 'BODY') continue
      seen.add(at.tag)
      assert.ok(at.ring, `no ring on ${at.tag} ${at.name}`)
    }
    assert.ok(seen.has('A') && seen.has('BUTTON') && seen.has('TR'), [...seen].join())
    await shot(page, 'focus')
  },

  async 'a button is free again right after an error'(page) {
    await page.route('**/api/v1/sources', (r) =>
      r.request().method() === 'POST' ? r.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Conflict', status: 409, detail: 'There is such a source.' }) }) : r.fallback())
    await visit(page, '/collect/sources?create=true')
    await page.getByLabel('Name').fill('Shop')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('There is such a source.').waitFor()
    await page.waitForFunction(() => !document.querySelector('.ant-drawer .ant-btn-loading'), null, { timeout: 1000 })
    await shot(page, 'error')
    // The drawer asks before it throws the form away.
    await page.keyboard.press('Escape')
    await page.locator('.ant-modal-confirm-title').getByText('Discard unsaved changes?').waitFor()
    await page.getByRole('button', { name: 'Keep editing' }).click()
    assert.equal(await page.getByLabel('Name').inputValue(), 'Shop')
  },

  async 'pickers open with a new condition, close with a choice, and the preview stays'(page) {
    await visit(page, '/segments/new')
    await page.getByRole('button', { name: 'Trait', exact: true }).click()
    const options = page.locator('.ant-select-dropdown:visible')
    await options.getByText('city').waitFor()
    assert.ok(await page.evaluate(() => document.activeElement?.closest('.pick-name') !== null), 'the picker has the keyboard')
    await options.getByText('city').click()
    await options.waitFor({ state: 'hidden' })
    await page.getByTestId('rule-condition').getByLabel('Value').last().fill('上海')
    await page.keyboard.press('Escape')
    await page.getByTestId('preview-members').filter({ hasText: '1,204' }).waitFor()
    await page.getByTestId('rule-condition').getByLabel('Value').last().fill('')
    await page.getByText('No condition is complete; this is the last result.').waitFor()
    assert.match(await page.getByTestId('preview-members').innerText(), /1,204/)
    await page.getByRole('button', { name: 'Event', exact: true }).click()
    await options.getByText('Model Viewed').click()
    await options.waitFor({ state: 'hidden' })
    // An opposite with a name of its own is said by it.
    await page.getByTestId('rule-condition').last().getByRole('button', { name: /Negate/ }).click()
    await page.getByTestId('rule-condition').last().getByText('Did not do').waitFor()
    await shot(page, 'builder')
  },

  async 'what is not saved is asked about'(page) {
    await visit(page, '/segments/new')
    await page.getByLabel('Name').first().fill('Half of a segment')
    await page.waitForURL(/Half/)
    await page.getByRole('link', { name: 'People' }).first().click()
    await page.locator('.ant-modal-confirm-title').getByText('Discard unsaved changes?').waitFor()
    await shot(page, 'unsaved')
    await page.getByRole('button', { name: 'Keep editing' }).click()
    assert.equal(new URL(page.url()).pathname, '/segments/new')
    const closing = page.waitForEvent('dialog')
    await page.evaluate(() => setTimeout(() => window.location.reload(), 0))
    const dialog = await closing
    assert.equal(dialog.type(), 'beforeunload')
    await dialog.dismiss()
    await page.getByRole('link', { name: 'People' }).first().click()
    await page.getByRole('button', { name: 'Discard changes' }).click()
    await page.waitForURL(/\/people/)
  },

  async 'one long name pushes nothing off, and rows are 32 px'(page) {
    await visit(page, '/people')
    await page.getByText('王小明').first().waitFor()
    const table = await page.locator('.table').evaluate((t) => {
      const scroll = t.querySelector('.ant-table-body') ?? t.querySelector('.ant-table-content')
      const row = [...t.querySelectorAll('tr.ant-table-row')].at(-1)
      return { over: scroll.scrollWidth - scroll.clientWidth, page: document.documentElement.scrollWidth - window.innerWidth, row: row.getBoundingClientRect().height, last: t.querySelector('th:last-child').getBoundingClientRect().right }
    })
    assert.ok(table.over <= 1 && table.page <= 0 && table.last <= 1440, JSON.stringify(table))
    assert.ok(Math.abs(table.row - 32) <= 1, `a row is ${table.row} px high`)
    await shot(page, 'long-name')
  },

  async 'a page that does not exist keeps the navigation'(page) {
    await visit(page, '/no/such/page')
    await page.getByText('Page not found').waitFor()
    await page.getByRole('link', { name: 'Segments' }).first().click()
    await page.waitForURL(/\/segments/)
  },

  async 'the palette finds events, traits and what can be done; keys lead on'(page) {
    await visit(page, '/')
    const find = async (text, option) => {
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox').fill(text)
      await page.getByRole('option', { name: option }).first().click()
    }
    await find('model', /Model Viewed/)
    await page.waitForURL(/catalogue\?.*event=Model/)
    // The palette stands over the open drawer.
    await page.locator('.ant-drawer-body').waitFor()
    await find('vehicle_ow', /vehicle_owner/)
    await page.waitForURL(/tab=traits/)
    await find('new segment', /New segment/)
    await page.waitForURL(/segments\/new/)
    await page.locator('h1').click()
    for (const [keys, path] of [['gp', '/people'], ['ga', '/analytics'], ['gs', '/segments'], ['go', '/']]) {
      for (const k of keys) await page.keyboard.press(k)
      await page.waitForURL((u) => u.pathname === path)
    }
    await page.keyboard.press('?')
    await page.getByRole('dialog').getByText('Keyboard shortcuts').waitFor()
    await shot(page, 'help')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.waitForFunction(() => !document.querySelector(".ant-modal-wrap:not([style*='display: none'])")) // it has its keys until it has faded out
    // Letters in a field are letters.
    await page.keyboard.press('g')
    await page.keyboard.press('p')
    await page.waitForURL(/\/people/)
    await page.keyboard.press('/')
    await page.keyboard.type('go?')
    assert.equal(await page.locator('main input').first().inputValue(), 'go?')
  },

  async 'whole numbers keep all their digits'(page) {
    const answer = `{"columns":[{"name":"order_id","type":"number"}],"rows":[[9223372036854775807],[9007199254740993]],"meta":${JSON.stringify(answers['POST query'].meta)}}`
    await page.route('**/api/v1/query', (r) => r.fulfill({ contentType: 'application/json', body: answer }))
    await visit(page, '/analytics?tab=sql&sql=select+1')
    await page.getByText('9,223,372,036,854,775,807').waitFor()
    await page.getByText('9,007,199,254,740,993').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export CSV' }).click()
    const chunks = []
    for await (const c of await (await download).createReadStream()) chunks.push(c)
    assert.match(Buffer.concat(chunks).toString(), /order_id\r\n9223372036854775807\r\n9007199254740993/)
  },

  async 'replacing a key says how long the old one works'(page) {
    const made = await page.request.post(`${server}/api/v1/sources`, { data: { name: `Tills ${Date.now()}`, kind: 'store' } })
    const { id } = await made.json()
    await visit(page, `/collect/sources?source=${id}`)
    await page.getByRole('button', { name: 'Rotate' }).click()
    await page.getByText('the old one for another 24 hours').waitFor()
    const answer = page.waitForResponse((r) => r.url().endsWith('/rotate'))
    await page.getByRole('button', { name: 'Rotate' }).last().click()
    const hours = (Date.parse((await (await answer).json()).previous_key_until) - Date.now()) / 3_600_000
    assert.ok(hours > 23.9 && hours < 24.1, `the old key works for ${hours} hours`)
    assert.match(await page.getByTestId('old-key').innerText(), /works until \d/)
  },
}

try {
  const only = process.env.TOUCHSTONE_CHECK
  for (const [name, check] of Object.entries(checks)) {
    if (only && !name.includes(only)) continue
    const page = await open()
    try {
      await check(page)
    } catch (err) {
      await shot(page, 'failure').catch(() => {})
      faults.push(`${name}: at ${page.url()}: ${err.stack}`)
    }
    await page.context().close()
  }
  assert.deepEqual(faults, [])
} catch (err) {
  console.error(faults.join('\n\n'))
  process.exitCode = 1
} finally {
  await browser.close()
}
